"""Lesions on another grid: each keeps its volume, and none is lost for being small.

Sampling a label at the nearest voxel loses lesions that fall between the samples: on a grid of
64 x 64 pixels half of the lesions of an MS patient. So each connected lesion is placed on its own.
Of the output voxels that it covers, it gets the ones that it covers most, as many as its volume
is worth, and at least one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray
from bench.data.prepare.resample import Axis
from bench.data.read.slabs import Slabs

Weights = npt.NDArray[np.float64]

# Shares that differ by less are equal, so that rounding does not choose the voxels.
_DECIMALS = 9


@dataclass(frozen=True)
class Lesion:
    """One connected region of a label.

    Attributes:
        voxels: bool, the region within its bounding box, (slice, row, column) or (row, column).
        corner: the first voxel of the box in the label.
    """

    voxels: BoolArray
    corner: tuple[int, ...]


def find_lesions(label: BoolArray, corner: Sequence[int] | None = None) -> list[Lesion]:
    """The connected regions of a label; voxels that touch at a corner are connected.

    Args:
        label: bool, two or three axes.
        corner: where the array begins in the whole label; None for its first voxel.

    Returns:
        The lesions, in the order of their first voxels.
    """
    offset = corner or [0] * label.ndim
    regions, count = cc3d.connected_components(
        label, connectivity=26 if label.ndim == 3 else 8, return_N=True
    )
    boxes = cc3d.statistics(regions)["bounding_boxes"] if count else []
    found = []
    for number in range(1, count + 1):
        box = tuple(boxes[number][: label.ndim])
        first = tuple(int(one.start) + start for one, start in zip(box, offset, strict=True))
        found.append(Lesion(np.asarray(regions[box] == number), first))
    return found


def lesions_in(slabs: Slabs) -> list[Lesion]:
    """The connected lesions of a label volume that is read a few slices at a time.

    Memory holds the box around all lesions, five bytes per voxel, and not the volume.

    Args:
        slabs: bool, (slice, row, column).
    """
    hits: list[BoolArray] = [np.zeros(length, dtype=np.bool_) for length in slabs.shape]
    for part in slabs.parts():
        some = np.asarray(slabs.read(part.start, part.stop), dtype=np.bool_)
        hits[0][part.start : part.stop] = some.any(axis=(1, 2))
        hits[1] |= some.any(axis=(0, 2))
        hits[2] |= some.any(axis=(0, 1))
    if not hits[0].any():
        return []
    ends = [np.flatnonzero(one) for one in hits]
    box = [slice(int(one[0]), int(one[-1]) + 1) for one in ends]
    label: BoolArray = np.empty([one.stop - one.start for one in box], dtype=np.bool_)
    for part in slabs.parts():
        start, stop = max(part.start, box[0].start), min(part.stop, box[0].stop)
        if start < stop:
            rows = slabs.read(start, stop)[:, box[1], box[2]]
            label[start - box[0].start : stop - box[0].start] = rows
    return find_lesions(label, [one.start for one in box])


def place_lesion(lesion: Lesion, axes: Sequence[Axis]) -> tuple[npt.NDArray[np.int64], ...]:
    """The voxels of another grid that a lesion gets.

    Args:
        lesion: where it is in the input.
        axes: where the output is, one for each axis of the label.

    Returns:
        Indices along each axis, (N,) each, for NumPy's indexing; empty where the lesion is
        outside the grid. N is the lesion's volume within the grid in output voxels, rounded, at
        least 1.
    """
    cover, start = _coverage(lesion, axes)
    volume = float(cover.sum())
    count = max(1, int(np.floor(volume + 0.5))) if volume > 0 else 0
    shares = np.round(cover, _DECIMALS)
    where = np.nonzero(shares)
    weight = shares[where]
    if count == 0 or weight.size == 0:
        return tuple(np.zeros(0, dtype=np.int64) for _ in axes)
    # Among voxels that are covered alike, those near the lesion's centre come first.
    apart = sum((one - np.average(one, weights=weight)) ** 2 for one in where)
    order = np.lexsort((np.round(np.asarray(apart), _DECIMALS), -weight))[:count]
    return tuple(one[order] + first for one, first in zip(where, start, strict=True))


def place_all(
    lesions: Sequence[Lesion], axes: Sequence[Axis], masks: BoolArray | None = None
) -> tuple[BoolArray, int]:
    """All lesions of a label on another grid.

    Args:
        lesions: of one label.
        axes: where the output is, one for each axis of the label.
        masks: bool, foreground of the output; None counts everywhere.

    Returns:
        The label on that grid, bool, and how many lesions have a voxel of it in the foreground.
    """
    label: BoolArray = np.zeros([axis.length for axis in axes], dtype=np.bool_)
    kept = 0
    for one in lesions:
        where = place_lesion(one, axes)
        label[where] = True
        kept += bool(where[0].size if masks is None else masks[where].any())
    return label, kept


def _coverage(lesion: Lesion, axes: Sequence[Axis]) -> tuple[Weights, list[int]]:
    """The share of each output voxel that the lesion fills, and the first voxel of that box.

    Sums along one axis after the other: a difference of running sums is the same on every
    machine, which a matrix product need not be.
    """
    cover = lesion.voxels.astype(np.float64)
    start = []
    for number, (axis, first) in enumerate(zip(axes, lesion.corner, strict=True)):
        half = abs(axis.step) / 2
        # Input voxel i of the box reaches from i to i + 1.
        centres = axis.positions - first + 0.5
        near = np.flatnonzero((centres + half > 0) & (centres - half < cover.shape[number]))
        reach = centres[near[0] : near[-1] + 1] if near.size else centres[:0]
        start.append(int(near[0]) if near.size else 0)
        pad = [(1, 0) if one == number else (0, 0) for one in range(cover.ndim)]
        total = np.pad(np.cumsum(cover, axis=number), pad)
        up, down = _taken(total, number, reach + half), _taken(total, number, reach - half)
        cover = (up - down) / abs(axis.step)
    return cover, start


def _taken(total: Weights, axis: int, places: Weights) -> Weights:
    """A running sum between its nodes, constant beyond its ends."""
    last = total.shape[axis] - 1
    inside = np.clip(places, 0, last)
    lower = np.minimum(np.floor(inside).astype(np.int64), max(last - 1, 0))
    shape = [-1 if one == axis else 1 for one in range(total.ndim)]
    weight = (inside - lower).reshape(shape)
    below, above = total.take(lower, axis=axis), total.take(lower + 1, axis=axis)
    found: Weights = below + (above - below) * weight
    return found
