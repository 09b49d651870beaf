"""Check the 2-D images of one subject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.data.arrays import FloatArray
from bench.data.cache.unpacked import read_files
from bench.data.check.summary import Summary, thumbnail
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.findings import Finding, from_error
from bench.data.read.images import grey, read_label, read_values
from bench.errors import DataError

_SIDE = 32
# More values than two and a few are the marks of a lossy or smoothed label.
_SHOWN = 6


def check_images(files: SubjectFiles, cache: Path, summaries: list[Summary]) -> Iterator[Finding]:
    """Find what is wrong with one subject's images.

    Args:
        files: of the subject.
        cache: the cache folder, where arrays of an ``.npz`` are unpacked.
        summaries: of each sound image one is added.
    """
    for one in files.image_files:
        shape = None
        for modality, path in one.paths.items():
            try:
                image = read_files(one, modality, cache)
            except DataError as error:
                yield from_error(str(path), error)
                continue
            if shape is not None and image.shape[:2] != shape:
                yield Finding(
                    "error",
                    str(path),
                    f"it has {image.shape[0]} x {image.shape[1]} pixels, another modality"
                    f" {shape[0]} x {shape[1]}; expected one grid",
                    "resample one onto the other",
                )
            shape = (image.shape[0], image.shape[1])
            where = str(path) if one.row is None else f"{path}, image {one.name}"
            summaries.append(_summary(where, files.subject, modality, image))
        if shape is not None:
            yield from _masks(one, shape, bool(files.values.lesion))


def _masks(files: ImageFiles, shape: tuple[int, int], named: bool) -> Iterator[Finding]:
    for path in (one for one in (files.mask, files.label) if one is not None):
        try:
            found = read_label(path, shape, named=named and path != files.mask)
            values = read_values(path)
        except DataError as error:
            yield from_error(str(path), error)
            continue
        if len(values) > 2:
            shown = ", ".join(f"{one:g}" for one in values[:_SHOWN])
            more = ", …" if len(values) > _SHOWN else ""
            yield Finding(
                "warning",
                str(path),
                f"values {shown}{more}, expected two; all but 0 count",
                "nothing, if all of them are lesion; else write a binary label without loss (PNG)",
            )
        if path == files.mask:
            if not found.any():
                yield Finding("error", str(path), "the mask is empty", "make it again")
        elif found.any() and files.abnormal is False:
            yield Finding(
                "error",
                str(path),
                f"{int(found.sum())} lesion pixels in an image of a normal class",
                "move the image to an abnormal class, or correct its label",
            )
        elif not found.any() and files.abnormal is True:
            yield Finding(
                "warning",
                str(path),
                "the label is empty, though the image is of an abnormal class",
                "nothing, if the lesion was not outlined; pixel protocols count it as normal",
            )
        elif found.all():
            yield Finding(
                "warning", str(path), "the whole image is labelled", "is background 0 in it?"
            )


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
