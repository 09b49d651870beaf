"""Where a stack of prepared images lies in the volume it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Geometry:
    """Where a subject's stack of images lies.

    Attributes:
        spacing_mm: size of a prepared voxel along (row, column, slice).
        affine: (4, 4) float64, prepared voxel index (row, column, slice of the common grid, as
            in ``slices``) to millimetres in the input's own world space.
        input_affine: (4, 4) float64, the input's voxel index to the same space.
        input_shape: the input's grid.
        slices: (S,) int64, index of each image on the slice axis of the common grid.
    """

    spacing_mm: tuple[float, float, float]
    affine: npt.NDArray[np.float64]
    input_affine: npt.NDArray[np.float64]
    input_shape: tuple[int, int, int]
    slices: npt.NDArray[np.int64]

    def part(self, images: slice) -> Geometry:
        """The same for some neighbouring images of the stack."""
        return replace(self, slices=self.slices[images])

    def input_slices(self, side: tuple[int, int]) -> npt.NDArray[np.float64]:
        """(S,) in which slice of the input's own grid the centre of each image lies.

        Counted from 0 along the axis of the input that the stack runs along, in the stack's
        direction, which is from the feet to the head.

        Args:
            side: height and width of the images.
        """
        inward = np.linalg.inv(self.input_affine) @ self.affine
        axis = int(np.abs(inward[:3, 2]).argmax())
        centre = np.array([(side[0] - 1) / 2, (side[1] - 1) / 2])
        numbers = inward[axis, :2] @ centre + inward[axis, 2] * self.slices + inward[axis, 3]
        if inward[axis, 2] < 0:
            numbers = self.input_shape[axis] - 1 - numbers
        found: npt.NDArray[np.float64] = numbers
        return found

    @property
    def positions(self) -> npt.NDArray[np.float32]:
        """(S,) float32, where each image stands in the stack: -1 is the first, 1 the last."""
        first, last = self.slices[[0, -1]]
        middle, half = (first + last) / 2, max((last - first) / 2, 0.5)
        positions: npt.NDArray[np.float32] = ((self.slices - middle) / half).astype(np.float32)
        return positions
