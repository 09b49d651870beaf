"""Labels and masks hold whole numbers: what interpolation or JPEG left between them is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray, FloatArray
from bench.errors import DataError

# Scaled integers and float16 leave 0.99998 for 1, and 1.6e-4 for 0.
_ROUNDING = 0.01
# Of the voxels below the largest value, so many are shades where interpolation made them; of
# classes, which have areas, few are.
_MOST_SHADES = 0.5
_FEWEST_VOXELS = 4
# Of the voxels beside 0, the largest value has this part of its share, or a rim is around it.
_LEAST_AT_RIM = 0.5
# So few values may be classes without areas.
_MOST_MIXED = 6
# So far from black and white JPEG leaves both at its best.
_NOISE = 8
# Enough values to know, and to show.
_KEPT = 1000
_SHOWN = 6


class WholeValues:
    """Watches the values of one label or mask while it is read, part by part.

    Args:
        path: the file, for messages.
        named: a card names the values that count, so that shades are not looked for.
    """

    def __init__(self, path: Path, *, named: bool = False) -> None:
        self._path, self._named = path, named
        # Voxels and shades by value, without 0.
        self._counts: dict[float, list[int]] = {}
        # The same for voxels where several values meet, and those of them that are beside 0.
        self._edges: dict[float, list[int]] = {}

    def take(self, part: FloatArray) -> FloatArray:
        """The values of a part, whole where they nearly are.

        Args:
            part: (rows, columns) or (rows, columns, n).
        """
        rounded = np.rint(part)
        near = np.abs(part - rounded) <= _ROUNDING
        whole: FloatArray = rounded if near.all() else np.where(near, rounded, part)
        inside = whole != 0
        given = whole[inside]
        if not given.size or len(self._counts) > _KEPT:
            return whole
        if given.min() == given.max():
            self._add(float(given[0]), given.size, 0)
            return whole
        values, where = np.unique(given, return_inverse=True)
        voxels = np.bincount(where)
        shades = np.bincount(where, weights=_shades(whole, inside)[inside])
        edges = np.bincount(where, weights=_beside_zero(inside)[inside])
        for value, count, shaded, edge in zip(values, voxels, shades, edges, strict=True):
            self._add(float(value), int(count), int(shaded))
            seen = self._edges.setdefault(float(value), [0, 0])
            seen[0] += int(count)
            seen[1] += int(edge)
        return whole

    def _add(self, value: float, voxels: int, shades: int) -> None:
        counts = self._counts.setdefault(value, [0, 0])
        counts[0] += voxels
        counts[1] += shades

    def require(self, *, lossy: bool = False) -> None:
        """Refuse values that cannot be classes.

        One value beside 0 is a binary label, whatever it is.

        Args:
            lossy: the file's format changes values.

        Raises:
            DataError: naming some of the values.
        """
        values = sorted(self._counts)
        if len(values) <= 1:
            return
        if any(not one.is_integer() for one in values):
            raise self._refusal("not whole numbers, as interpolation leaves them")
        if values[0] < 0 and not self._named:
            raise self._refusal("of which negative ones often mean unknown, and not lesion")
        if lossy or (not self._named and _is_noise(values)):
            raise self._refusal("as the compression of JPEG leaves them")
        below = [self._counts[one] for one in values[:-1]]
        voxels, shades = (sum(one[place] for one in below) for place in (0, 1))
        shaded = voxels >= _FEWEST_VOXELS and shades > _MOST_SHADES * voxels
        mixed = len(values) <= _MOST_MIXED and not self._has_rim(values[-1])
        if shaded and not self._named and not mixed:
            raise self._refusal("shades between 0 and the largest, as interpolation leaves them")

    @property
    def values(self) -> tuple[float, ...]:
        """All values that were taken, sorted, with 0."""
        return tuple(sorted({0.0, *self._counts}))

    def _has_rim(self, largest: float) -> bool:
        """Whether the largest value keeps away from 0, as inside of what interpolation made.

        Classes that are mixed voxel by voxel are beside 0 as often as any other.
        """
        every = [sum(one[place] for one in self._edges.values()) for place in (0, 1)]
        own = self._edges.get(largest, [0, 0])
        return own[1] * every[0] <= _LEAST_AT_RIM * every[1] * own[0]

    def _refusal(self, why: str) -> DataError:
        values = sorted(self._counts)
        shown = ", ".join(f"{one:.4g}" for one in sorted([0.0, *values[: _SHOWN - 1]]))
        more = f", … {values[-1]:.4g}" if len(values) >= _SHOWN else ""
        return DataError(
            f"{self._path} is not a label of classes: it holds the values {shown}{more}, {why}",
            hint="cut it at one half of the largest value and save it without loss (PNG, NIfTI of"
            " uint8); if the values are classes, name them in the card's layout: lesion = [...],"
            " ignore = [...]",
        )


def _is_noise(values: list[float]) -> bool:
    """Whether a binary label went through a JPEG of high quality: 1, 254 and 255."""
    low = [one for one in values if 0 < one <= _NOISE]
    high = [one for one in values if 255 - _NOISE <= one < 255]
    return bool(low and high) and values[-1] == 255 and len(low) + len(high) + 1 == len(values)


def _shades(values: FloatArray, inside: BoolArray) -> BoolArray:
    """Voxels beside one of another value, both not 0, that are in no 2 x 2 area of their own."""
    beside = np.zeros(values.shape, dtype=np.bool_)
    for before, after in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        steps = (values[before] != values[after]) & inside[before] & inside[after]
        beside[before] |= steps
        beside[after] |= steps
    corner = values[:-1, :-1]
    area: npt.NDArray[np.bool_] = (corner == values[1:, :-1]) & (corner == values[:-1, 1:])
    area &= corner == values[1:, 1:]
    for place in (np.s_[:-1, :-1], np.s_[1:, :-1], np.s_[:-1, 1:], np.s_[1:, 1:]):
        beside[place] &= ~area
    return beside


def _beside_zero(inside: BoolArray) -> BoolArray:
    """Voxels with a 0 beside them, in their slice."""
    beside = np.zeros(inside.shape, dtype=np.bool_)
    for before, after in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        beside[before] |= ~inside[after]
        beside[after] |= ~inside[before]
    return beside & inside


def whole_image(path: Path, array: FloatArray, *, lossy: bool, named: bool) -> FloatArray:
    """The values of a 2-D label, judged by `WholeValues`.

    Args:
        path: the file, for messages.
        array: (H, W) or (H, W, C).
        lossy: the file's format changes values.
        named: a card names the values that count.

    Raises:
        DataError: the label is soft.
    """
    values = WholeValues(path, named=named)
    found = values.take(array)
    values.require(lossy=lossy)
    return found


def require_one_colour(path: Path, array: FloatArray) -> None:
    """Refuse a label of several colours: which of them is lesion, no value of a card can say.

    Args:
        path: the file, for messages.
        array: (H, W), (H, W, 1) or (H, W, 3), whole numbers.

    Raises:
        DataError: naming two of the colours beside black.
    """
    if array.ndim == 2 or (array == array[..., :1]).all():
        return
    coloured = array[array.any(axis=-1)]
    others = coloured[(coloured != coloured[0]).any(axis=-1)]
    if len(others):
        shown = " and ".join(
            f"({', '.join(f'{v:g}' for v in one)})" for one in (coloured[0], others[0])
        )
        raise DataError(
            f"{path} is a label of several colours, such as {shown}; expected one beside black",
            hint="save it as a grey PNG with a number for each class, and name those of lesions in"
            " the card's layout: lesion = [...], ignore = [...]",
        )
