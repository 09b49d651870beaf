"""Small reductions over an image's foreground, shared by the methods."""

from __future__ import annotations

import numpy as np

from bench.detector import BoolArray, FloatArray


def foreground(values: FloatArray, mask: BoolArray) -> FloatArray:
    """The values inside the mask, or all of them where the mask is empty.

    Args:
        values: (..., H, W) float32.
        mask: (H, W) bool.

    Returns:
        (..., P) float32 with P at least 1.
    """
    inside: FloatArray = values[..., mask] if mask.any() else values.reshape(*values.shape[:-2], -1)
    return inside


def mean_score(scores: FloatArray, mask: BoolArray) -> np.float32:
    """Mean of one map over the foreground, the usual image score of a reconstruction method."""
    return np.float32(foreground(scores, mask).mean(dtype=np.float64))


def bounding_box(mask: BoolArray) -> tuple[slice, slice]:
    """Rows and columns of the foreground; everything where there is none."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
