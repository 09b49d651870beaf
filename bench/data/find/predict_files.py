"""Single files from a user as a subject of a dataset, prepared as the dataset's own are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bench.cards import DatasetCard, Preparation
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.find.layouts import match_layout
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


def mask_beside(card: DatasetCard, channel: str, path: Path) -> Path | None:
    """The foreground mask that the card's layouts would give an image, by the folder it is in.

    Args:
        card: of the dataset.
        channel: the image's modality.
        path: the image.

    Returns:
        None where no layout with masks fits, or there is no mask in that place.
    """
    wanted = Path(os.path.abspath(path))
    for layout in card.layouts:
        pattern = layout.images.get(channel)
        if layout.mask is None or pattern is None:
            continue
        # A pattern in brackets may be left out, so the dataset's folder may be nearer.
        for depth in range(pattern.count("/"), -1, -1):
            if depth >= len(wanted.parents):
                continue
            for one in match_layout(card.name, layout, wanted.parents[depth]).subjects.values():
                found: list[SubjectFiles | ImageFiles] = [one, *one.image_files]
                for files in found:
                    if files.paths.get(channel) == wanted:
                        return files.mask
    return None
