"""Which rows of a MedMNIST file stand for which subject."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.lib.npyio import NpzFile

from bench.cards import Layout
from bench.data.files import ImageFiles, Match, SubjectFiles
from bench.data.find.exclusion import Exclusion
from bench.errors import CardError, DataError, counted, in_words


def match_medmnist(dataset: str, layout: Layout, root: Path, exclusion: Exclusion) -> Match:
    """What a layout of a MedMNIST file finds; the arguments and errors of `match_layout`."""
    modality, name = next(iter(layout.images.items()))
    if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
        raise CardError(f"card {dataset!r}: {name!r} must be a name inside the dataset's folder")
    path = root / name
    if not path.is_file():
        return Match(layout, {})
    subjects: dict[str, SubjectFiles] = {}
    strays: list[Path] = []
    known = {*layout.normal, *layout.abnormal}
    for part, labels in _parts(path).items():
        for row, label in enumerate(labels):
            subject = f"{part}-{row // layout.block:05d}"
            if label not in known:
                strays.append(path / f"{part} {row}, class {label}")
                continue
            one = ImageFiles(
                name=f"{row:06d}",
                paths={modality: path},
                abnormal=label not in layout.normal,
                part=part,
                row=row,
            )
            if exclusion.takes(PurePosixPath(f"{part}-{row:06d}"), subject):
                continue
            others = subjects[subject].image_files if subject in subjects else ()
            subjects[subject] = SubjectFiles(dataset, subject, {}, image_files=(*others, one))
    return Match(
        layout,
        dict(sorted(subjects.items())),
        strays=tuple(strays),
        excluded=dict(exclusion.counts),
    )


def _parts(path: Path) -> dict[str, list[str]]:
    """The classes of the images of a MedMNIST file, by part.

    Raises:
        DataError: it is not such a file, is truncated, has several labels per image, or not one
            label for each image.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            names = [one.removesuffix("_labels") for one in kept.files if one.endswith("_labels")]
            faults = [fault for part in names for fault in _faults(path, kept, part)]
            if faults:
                raise DataError(
                    f"{path} cannot be used: " + "\n  ".join(faults),
                    hint="write a file with one class for each image",
                )
            return {
                part: [str(int(one)) for one in kept[f"{part}_labels"].reshape(-1)]
                for part in names
            }
    except DataError:
        raise
    except Exception as error:  # damage shows as any of zlib's, zipfile's or NumPy's errors
        raise DataError(
            f"{path} cannot be read as a MedMNIST file: {in_words(error)}",
            hint="fetch the file again",
        ) from error


def _faults(path: Path, kept: NpzFile, part: str) -> list[str]:
    labels = kept[f"{part}_labels"].shape
    if len(labels) > 1 and int(np.prod(labels[1:])) != 1:
        return [
            f"array {part}_labels has {int(np.prod(labels[1:]))} labels for each image, expected"
            " one (a set of several labels per image has no one class)"
        ]
    if f"{part}_images" not in kept.files:
        return [f"array {part}_labels has no array {part}_images"]
    count = _length(path, f"{part}_images")
    if count != labels[0]:
        return [
            f"array {part}_images has {counted(count, 'image')}, {part}_labels has "
            f"{counted(labels[0], 'label')}"
        ]
    return []


def _length(path: Path, name: str) -> int:
    """The first axis of an array, by its header alone: the array itself can be large."""
    with zipfile.ZipFile(path) as kept, kept.open(f"{name}.npy") as handle:
        version = np.lib.format.read_magic(handle)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        return int(read(handle)[0][0])
