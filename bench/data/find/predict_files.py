"""Single files from a user as a subject of a dataset, prepared as the dataset's own are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.cards import DatasetCard, Layout, Preparation
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.find.layouts import match_layout
from bench.data.find.patterns import all_patterns
from bench.errors import DataError, UsageError, counted


def given_subject(
    card: DatasetCard, channels: Sequence[str], name: str, paths: Sequence[Path], mask: Path | None
) -> SubjectFiles:
    """Files that belong to no split, as a subject.

    Args:
        card: whose preparation they will go through.
        channels: modalities of the task, in order.
        name: how to call the subject.
        paths: one file per channel, in the same order.
        mask: foreground mask; None for the preparation's own rule.

    Raises:
        UsageError: another number of files than channels.
        DataError: a file is missing.
    """
    if len(paths) != len(channels):
        raise UsageError(
            f"{','.join(map(str, paths))}: {counted(len(paths), 'file')}, but the detector takes "
            f"{counted(len(channels), 'channel')}: {', '.join(channels)}",
            hint=f"give each image as {','.join(f'{one}.nii.gz' for one in channels)}",
        )
    for path in (*paths, *([mask] if mask else [])):
        if not path.is_file():
            raise DataError(f"the file {path} does not exist", hint="check its name")
    images = dict(zip(channels, paths, strict=True))
    if isinstance(card.preparation, Preparation):
        return SubjectFiles(card.name, name, images, mask=mask)
    return SubjectFiles(card.name, name, {}, image_files=(ImageFiles(name, images, mask=mask),))


class Beside:
    """Masks and labels beside images, by the layouts of a dataset's card.

    Args:
        card: of the dataset.
        channel: the images' modality.
    """

    def __init__(self, card: DatasetCard, channel: str) -> None:
        self._card, self._channel = card, channel
        self._matched: dict[tuple[str, Path], list[SubjectFiles | ImageFiles]] = {}

    def mask(self, path: Path) -> Path | None:
        """The foreground mask that the layouts would give an image, by the folder it is in.

        Returns:
            None where no layout with masks fits, or where the mask does not exist.
        """
        wanted = Path(os.path.abspath(path))
        for layout in self._card.layouts:
            pattern = layout.images.get(self._channel)
            if layout.mask is None or pattern is None:
                continue
            for one in self._around(layout, pattern, wanted):
                if one.paths.get(self._channel) == wanted:
                    return one.mask
        return None

    def other_role(self, path: Path) -> str | None:
        """What else a file is by the layouts, by the folder it is in.

        Returns:
            Such as ``labels of other images``; None for an image of this modality, and for a file
            that fits no layout.
        """
        wanted = Path(os.path.abspath(path))
        role = None
        for layout in self._card.layouts:
            if self._channel not in layout.images:
                continue
            for name, pattern in all_patterns(layout).items():
                for one in self._around(layout, pattern, wanted):
                    if one.paths.get(self._channel) == wanted:
                        return None
                    if wanted in one.labels:
                        role = role or "labels of other images"
                    elif name in layout.images and one.paths.get(name) == wanted:
                        role = role or f"images of {name}, not {self._channel}"
        return role

    def _around(
        self, layout: Layout, pattern: str, path: Path
    ) -> Iterator[SubjectFiles | ImageFiles]:
        """What a layout finds in each folder in which a path could fit a pattern."""
        # A pattern in brackets may be left out, so the dataset's folder may be nearer.
        for depth in range(pattern.count("/"), -1, -1):
            if depth >= len(path.parents):
                continue
            key = layout.name, path.parents[depth]
            if key not in self._matched:
                parts: list[SubjectFiles | ImageFiles] = []
                for one in match_layout(self._card.name, layout, key[1]).subjects.values():
                    parts += [one, *one.image_files]
                self._matched[key] = parts
            yield from self._matched[key]
