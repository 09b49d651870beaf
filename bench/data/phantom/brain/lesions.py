"""What lesions of all kinds share: what they are made of, and how one of a given size grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.data.phantom.brain.fields import SHAPE, BoolArray, FloatArray, logistic

Modality = Literal["T1", "T2"]

FORBIDDEN = np.float32(-1e6)
"""A potential at which nothing grows."""


@dataclass(frozen=True)
class Lesions:
    """Lesion tissue of one subject; all arrays have shape `SHAPE`.

    Attributes:
        label: True where a voxel counts as lesion.
        share: how much of a voxel is lesion tissue, 0 to 1.
        signal: per modality, its signal relative to white matter.
    """

    label: BoolArray
    share: FloatArray
    signal: Mapping[Modality, FloatArray]


def no_lesions() -> Lesions:
    """The lesions of a normal subject."""
    nothing = np.zeros(SHAPE, dtype=np.float32)
    return Lesions(nothing.astype(bool), nothing, {"T1": nothing, "T2": nothing})


def grow(potential: FloatArray, voxels: int, softness: float) -> tuple[BoolArray, FloatArray]:
    """Let a lesion fill the voxels of highest potential.

    Args:
        potential: any shape, float32, any unit; `FORBIDDEN` where nothing may grow.
        voxels: how many are to be filled; fewer where fewer are allowed.
        softness: width of the edge, in the unit of the potential.

    Returns:
        Which voxels are filled, and how much of each voxel is lesion: above one half in those,
        falling off smoothly around them.
    """
    allowed = np.sort(potential[potential > FORBIDDEN])[::-1]
    if allowed.size == 0 or voxels < 1:
        return np.zeros(potential.shape, dtype=bool), np.zeros(potential.shape, dtype=np.float32)
    last = min(voxels, allowed.size) - 1
    following = allowed[last + 1] if last + 1 < allowed.size else allowed[last] - 2 * softness
    threshold = (allowed[last] + following) / 2
    share = logistic((potential - threshold) / softness)
    return (potential >= allowed[last]), share
