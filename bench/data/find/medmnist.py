"""Which rows of a MedMNIST file stand for which subject."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from bench.cards import Layout
from bench.data.files import ImageFiles, Match, SubjectFiles
from bench.errors import DataError

_DAMAGE = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)


def match_medmnist(dataset: str, layout: Layout, root: Path) -> Match:
    """What a layout of a MedMNIST file finds; the arguments and errors of `match_layout`."""
    modality, name = next(iter(layout.images.items()))
    path = root / name
    if not path.is_file():
        return Match(layout, {})
    subjects: dict[str, SubjectFiles] = {}
    for part, labels in _parts(path).items():
        for start in range(0, len(labels), layout.block):
            rows = range(start, min(start + layout.block, len(labels)))
            subject = f"{part}-{start // layout.block:05d}"
            image_files = tuple(
                ImageFiles(
                    name=f"{row:06d}",
                    paths={modality: path},
                    abnormal=labels[row] not in layout.normal,
                    part=part,
                    row=row,
                )
                for row in rows
                if labels[row] in layout.normal or labels[row] in layout.abnormal
            )
            if image_files:
                subjects[subject] = SubjectFiles(dataset, subject, {}, image_files=image_files)
    return Match(layout, dict(sorted(subjects.items())))


def _parts(path: Path) -> dict[str, list[str]]:
    """The classes of the images of a MedMNIST file, by part.

    Raises:
        DataError: it is not such a file, or is truncated.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            return {
                name.removesuffix("_labels"): [str(int(one)) for one in kept[name].reshape(-1)]
                for name in kept.files
                if name.endswith("_labels")
            }
    except _DAMAGE as error:
        raise DataError(
            f"{path} cannot be read as a MedMNIST file: {error}", hint="fetch the file again"
        ) from error
