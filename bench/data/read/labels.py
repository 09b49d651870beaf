"""Labels with the meaning that a card gives to their values, and several labels put together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray
from bench.data.files import LabelValues
from bench.data.read.images import read_label, read_label_values
from bench.data.read.slabs import Slabs
from bench.data.read.turned import require_turned_alike
from bench.data.read.volumes import Volume, read_label_volume, read_mask, require_same_grid


def read_image_labels(
    paths: Sequence[Path],
    values: LabelValues,
    shape: tuple[int, int],
    images: Collection[Path] = (),
) -> tuple[BoolArray, BoolArray]:
    """Read the labels of one 2-D image.

    Args:
        paths: label files, any number; what one of them says is lesion is lesion.
        values: what their values mean.
        shape: (H, W) of the image.
        images: its files, which a tag may turn otherwise than the labels.

    Returns:
        Lesion and ignored pixels, (H, W) bool each; no pixel is both.

    Raises:
        DataError: as `bench.data.read.images.read_label`, or a tag turns an image and not a label.
    """
    lesion: BoolArray = np.zeros(shape, dtype=np.bool_)
    ignored: BoolArray = np.zeros(shape, dtype=np.bool_)
    for path in paths:
        if values == LabelValues():
            lesion |= read_label(path, shape)
        else:
            array = read_label_values(path, shape)
            found, left_out = _meaning(array, values)
            axes = tuple(range(2, array.ndim))
            lesion |= found.any(axis=axes)
            ignored |= left_out.any(axis=axes)
        require_turned_alike(images, path, shape)
    return lesion, ignored & ~lesion


def read_image_mask(path: Path, shape: tuple[int, int], images: Collection[Path]) -> BoolArray:
    """Read the foreground mask of a 2-D image; the arguments and errors of `read_image_labels`."""
    found = read_label(path, shape)
    require_turned_alike(images, path, shape)
    return found


def read_volume_labels(
    paths: Sequence[Path], values: LabelValues, like: Volume, scratch: Path | None = None
) -> tuple[Volume, Volume | None]:
    """Read the labels of one volume, on its grid.

    Args:
        paths: at least one label file; what one of them says is lesion is lesion.
        values: what their values mean.
        like: the image.
        scratch: as of `bench.data.read.volumes.read_volume`.

    Returns:
        Lesions, and ignored voxels that are not lesion, as volumes of bool; None where the card
        ignores no value.

    Raises:
        DataError: as `bench.data.read.volumes.read_mask`.
        StoreError: no room in ``scratch``.
    """
    if len(paths) == 1 and values == LabelValues():
        return read_mask(paths[0], like, scratch), None
    labels = [read_label_volume(path, scratch, named=values.named) for path in paths]
    for one in labels:
        require_same_grid(one, like)
    return together(labels, values, scratch)


def together(
    labels: Sequence[Volume], values: LabelValues, scratch: Path | None = None
) -> tuple[Volume, Volume | None]:
    """Put the labels of one volume together, which are on one grid.

    Args:
        labels: at least one, with its values.
        values: what their values mean.
        scratch: as of `bench.data.read.volumes.read_volume`.

    Returns:
        As `read_volume_labels`.

    Raises:
        StoreError: no room in ``scratch``.
    """
    first = labels[0]
    lesions = Slabs(first.slabs.shape, np.bool_, scratch)
    ignored = Slabs(first.slabs.shape, np.bool_, scratch) if values.ignore else None
    for part in first.slabs.parts():
        meanings = [_meaning(one.slabs.read(part.start, part.stop), values) for one in labels]
        found = np.any([lesion for lesion, _ in meanings], axis=0)
        lesions.write(0, part.start, found)
        if ignored is not None:
            left_out = np.any([one for _, one in meanings], axis=0)
            ignored.write(0, part.start, left_out & ~found)
    return _with(first, lesions), None if ignored is None else _with(first, ignored)


def _meaning(array: npt.NDArray[np.float32], values: LabelValues) -> tuple[BoolArray, BoolArray]:
    ignored = np.isin(array, values.ignore)
    lesion = np.isin(array, values.lesion) if values.lesion else (array != 0) & ~ignored
    return lesion, ignored


def _with(volume: Volume, slabs: Slabs) -> Volume:
    return replace(volume, slabs=slabs)
