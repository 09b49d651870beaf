"""Check the 2-D images of one subject."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from bench.cards import ImagePreparation
from bench.data.arrays import BoolArray, FloatArray
from bench.data.cache.unpacked import read_files
from bench.data.check.asked import Asked
from bench.data.check.labels import value_findings
from bench.data.check.summary import Seen, Summary, thumbnail
from bench.data.files import ImageFiles, LabelValues, SubjectFiles
from bench.data.findings import Finding, from_error
from bench.data.lesion_counts import Truth
from bench.data.prepare.images import total
from bench.data.prepare.kept import image_truths
from bench.data.read.images import grey, read_values
from bench.data.read.labels import read_image_labels, read_image_mask
from bench.errors import DataError, counted

_SIDE = 32


def check_images(files: SubjectFiles, cache: Path, asked: Asked, seen: Seen) -> Iterator[Finding]:
    """Find what is wrong with one subject's images.

    Args:
        files: of the subject.
        cache: the cache folder, where arrays of an ``.npz`` are unpacked.
        asked: what the card's tasks ask of it.
        seen: is filled.
    """
    for one in files.image_files:
        read: dict[str, FloatArray] = {}
        for modality, path in one.paths.items():
            try:
                image = read_files(one, modality, cache)
            except DataError as error:
                yield from_error(str(path), error)
                continue
            shape = next((other.shape[:2] for other in read.values()), image.shape[:2])
            if image.shape[:2] != shape:
                yield Finding(
                    "error",
                    str(path),
                    f"it has {image.shape[0]} x {image.shape[1]} pixels, another modality"
                    f" {shape[0]} x {shape[1]}; expected one grid",
                    "resample one onto the other",
                )
                continue
            read[modality] = image
            seen.summaries.append(_summary(one.where(path), files.subject, modality, image))
        if not read:
            continue
        height, width = next(iter(read.values())).shape[:2]
        sound = yield from _mask(one, (height, width))
        lesion = yield from _labels(one, files.values, (height, width), seen)
        if lesion is not None and lesion.any():
            seen.abnormal.add(one.name)
        if sound:
            yield from _prepared(one, read, lesion, asked, seen)


def _prepared(
    files: ImageFiles,
    read: dict[str, FloatArray],
    lesion: BoolArray | None,
    asked: Asked,
    seen: Seen,
) -> Iterator[Finding]:
    """What preparation refuses, and what it keeps of the lesions."""
    if not isinstance(asked.preparation, ImagePreparation):
        return
    said: set[str] = set()
    counted = False
    for channels in asked.channels:
        if not {*channels} <= {*read}:
            continue
        mine = {name: read[name] for name in channels}
        label = None if counted else lesion
        try:
            found, share = image_truths(files, mine, label, asked.preparation, asked.sizes)
        except DataError as error:
            if str(error) not in said:
                yield from_error(str(files.paths[channels[0]]), error)
            said.add(str(error))
            continue
        if not counted and lesion is not None and lesion.any():
            seen.lesions.append(float(lesion.sum()) / lesion.size / (share or 1.0))
        if share is not None and not counted:
            seen.shares.append(share)
        counted = True
        for size, truth in found.items():
            seen.truths[size] = total(seen.truths.get(size, Truth()), truth)


def _mask(files: ImageFiles, shape: tuple[int, int]) -> Generator[Finding, None, bool]:
    """Check the mask; whether it can be used."""
    if files.mask is None:
        return True
    try:
        found = read_image_mask(files.mask, shape, [*files.paths.values()])
    except DataError as error:
        yield from_error(str(files.mask), error)
        return False
    if not found.any():
        yield Finding("error", str(files.mask), "the mask is empty", "make it again")
    return bool(found.any())


def _labels(
    files: ImageFiles, values: LabelValues, shape: tuple[int, int], seen: Seen
) -> Generator[Finding, None, BoolArray | None]:
    """Check all labels of one image; its lesions, None where no label can be used."""
    sound = []
    for path in files.labels:
        try:
            read_image_labels([path], values, shape, [*files.paths.values()])
            there = read_values(path)
        except DataError as error:
            yield from_error(str(path), error)
            continue
        sound.append(path)
        seen.values.update(there)
        yield from value_findings(str(path), there, values)
    if not sound:
        return None
    found, ignored = read_image_labels(sound, values, shape)
    where = str(sound[0])
    if found.any() and files.abnormal is False:
        yield Finding(
            "error",
            where,
            f"{counted(int(found.sum()), 'lesion pixel')} in an image of a normal class",
            "move the image to an abnormal class, or correct its label",
        )
    elif ignored.any() and not found.any():
        yield Finding(
            "warning",
            where,
            f"the label holds no lesion, and {counted(int(ignored.sum()), 'pixel')} with ignored "
            "values",
            "nothing, if these pixels are neither lesion nor normal",
        )
    elif not found.any() and files.abnormal is True:
        yield Finding(
            "warning",
            where,
            "the label is empty, though the image is of an abnormal class",
            "nothing, if the lesion was not outlined; pixel protocols count it as normal",
        )
    elif found.all():
        yield Finding("warning", where, "the whole image is labelled", "is background 0 in it?")
    return found


def _summary(where: str, subject: str, modality: str, image: FloatArray) -> Summary:
    plain = grey(image)
    low, high = (float(one) for one in np.percentile(plain, (1, 99)))
    return Summary(
        where=where,
        subject=subject,
        modality=f"{modality}{' (colour)' if image.ndim == 3 else ''}",
        axes="",
        measures={
            "pixels": float(plain.size),
            "range of intensities": high - low,
            "middle intensity": abs(float(plain.mean())),
        },
        thumbnail=thumbnail(plain, _SIDE),
    )
