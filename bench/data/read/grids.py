"""When two grids of voxels are one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Two grids are one when their corners agree to a tenth of a voxel: headers keep affines in
# float32, some also as quaternions, so equal grids differ in the last digits.
GRID_TOLERANCE_VOXELS = 0.1


def farthest(difference: npt.NDArray[np.float64], shape: Sequence[int]) -> float:
    """How far two affines are apart anywhere in a volume.

    Args:
        difference: (4, 4), one affine minus the other, in millimetres.
        shape: voxels along each axis.

    Returns:
        The largest distance in millimetres; it is at a corner.
    """
    ends = np.meshgrid(*[(0.0, n - 1.0) for n in shape])
    corners = np.stack([*ends, np.ones_like(ends[0])]).reshape(4, -1)
    return float(np.linalg.norm(difference @ corners, axis=0).max())
