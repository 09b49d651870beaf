"""Where the prepared images lie in a volume, and whether its brain fits there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.cards import Preparation
from bench.data.prepare.resample import Axis
from bench.data.read.scans import Extent, Scans
from bench.data.read.volumes import Volume
from bench.errors import DataError
from bench.geometry import Geometry

# More foreground than this outside the common grid is a loss of data, not a rim.
_MOST_CROPPED = 0.005


@dataclass(frozen=True)
class CommonGrid:
    """Where the output lies in a canonical volume; axes in output order (slice, row, column).

    Attributes:
        common: axes of the common grid.
        resized: the same with rows and columns of the final size.
        spacing_mm: of the final images, (row, column, slice).
    """

    common: tuple[Axis, Axis, Axis]
    resized: tuple[Axis, Axis, Axis]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(
        cls, volume: Volume, centre: Sequence[float], preparation: Preparation, size: int
    ) -> CommonGrid:
        """Put a centre, in voxels along x, y, z, into the middle of the common grid."""
        extent = [n * mm for n, mm in zip(preparation.grid, preparation.spacing_mm, strict=True)]

        def axis(along: int, length: int, sign: int) -> Axis:
            pixel = extent[along] / length / volume.voxel_mm[along]
            return Axis(centre[along] - sign * pixel * (length - 1) / 2, sign * pixel, length)

        def axes(rows: int, columns: int) -> tuple[Axis, Axis, Axis]:
            # The front of the head is the first row, so rows run against y.
            return axis(2, preparation.grid[2], 1), axis(1, rows, -1), axis(0, columns, 1)

        return cls(
            common=axes(preparation.grid[1], preparation.grid[0]),
            resized=axes(size, size),
            spacing_mm=(extent[1] / size, extent[0] / size, preparation.spacing_mm[2]),
        )

    def of_slices(self, stack: range) -> CommonGrid:
        """Only some slices of the common grid."""
        slices = self.common[0].part(stack)
        return replace(self, common=(slices, *self.common[1:]), resized=(slices, *self.resized[1:]))

    @staticmethod
    def cropped(axes: Sequence[Axis], box: Sequence[slice]) -> tuple[Axis, ...]:
        """The same places in a volume that was cropped to a box (x, y, z)."""
        return tuple(a.shifted(b.start) for a, b in zip(axes, reversed(box), strict=True))

    def geometry(self, volume: Volume, keep: npt.NDArray[np.int64]) -> Geometry:
        """How the images lie in millimetres and in the input; ``keep`` are their slices."""
        slices, rows, columns = self.resized
        inward = np.array(
            [
                [0, columns.step, 0, columns.first],
                [rows.step, 0, 0, rows.first],
                [0, 0, slices.step, slices.first],
                [0, 0, 0, 1],
            ],
            dtype=np.float64,
        )
        return Geometry(
            spacing_mm=self.spacing_mm,
            affine=volume.affine @ inward,
            input_affine=volume.stored_affine,
            input_shape=volume.stored_shape,
            slices=keep,
        )


def require_fit(scans: Scans, extent: Extent, places: CommonGrid) -> None:
    """Refuse a brain of which the common grid would cut off more than a rim.

    Raises:
        DataError: naming its size and the room.
    """
    volume, box = scans.volumes[0], extent.box
    window = []
    for axis in reversed(places.common):
        ends = sorted((axis.first - axis.step / 2, axis.first + axis.step * (axis.length - 0.5)))
        window.append(slice(max(0, int(np.ceil(ends[0]))), max(0, int(np.floor(ends[1])) + 1)))
    if all(w.start <= b.start and b.stop <= w.stop for w, b in zip(window, box, strict=True)):
        return
    kept = sum(
        np.count_nonzero(scans.inside(part)[_overlap(window[2], part), window[1], window[0]])
        for part in scans.parts()
    )
    lost = 1 - kept / extent.total
    if lost > _MOST_CROPPED:
        size = " x ".join(
            f"{(one.stop - one.start) * mm:.0f}"
            for one, mm in zip(box, volume.voxel_mm, strict=True)
        )
        room = " x ".join(
            f"{abs(axis.step) * axis.length * mm:.0f}"
            for axis, mm in zip(reversed(places.common), volume.voxel_mm, strict=True)
        )
        raise DataError(
            f"the foreground of {volume.path} spans {size} mm; {100 * lost:.1f} % of it lies"
            f" outside the common grid of {room} mm around its centre of mass (at most"
            f" {100 * _MOST_CROPPED} % may)",
            hint="strip the skull or give a brain mask; else enlarge grid in the card's"
            " [preparation]",
        )


def _overlap(window: slice, part: range) -> slice:
    """The slices of a part that lie in a window, counted from the part's first."""
    return slice(max(0, window.start - part.start), max(0, window.stop - part.start))
