"""Where a stack of prepared images lies in the volume it came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Geometry:
    """Where a subject's stack of images lies.

    Attributes:
        spacing_mm: size of a prepared voxel along (row, column, slice).
        affine: (4, 4) float64, prepared voxel index (row, column, slice) to millimetres in the
            input's own world space.
        input_affine: (4, 4) float64, the input's voxel index to the same space.
        input_shape: the input's grid.
        slices: (S,) int64, index of each image on the slice axis of the common grid.
    """

    spacing_mm: tuple[float, float, float]
    affine: npt.NDArray[np.float64]
    input_affine: npt.NDArray[np.float64]
    input_shape: tuple[int, int, int]
    slices: npt.NDArray[np.int64]

    @property
    def positions(self) -> npt.NDArray[np.float32]:
        """(S,) float32, where each image stands in the stack: -1 is the first, 1 the last."""
        first, last = self.slices[[0, -1]]
        middle, half = (first + last) / 2, max((last - first) / 2, 0.5)
        positions: npt.NDArray[np.float32] = ((self.slices - middle) / half).astype(np.float32)
        return positions
