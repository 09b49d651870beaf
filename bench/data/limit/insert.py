"""One lesion of known size and contrast, grown as the phantom grows its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bench.data.arrays import BoolArray, FloatArray
from bench.data.phantom.brain.lesions import FORBIDDEN, grow
from bench.errors import DataError

VERSION = 1
"""Raised whenever the same seed would give other lesions."""
_EDGE_MM = 0.8  # softness of a lesion's edge, as of the phantom's
_RIM_MM = 5.0  # lesions keep so far from the surface of the foreground
_APART_MM = 12.0  # and so far from each other, edge to edge
_TRIES = 20000
_STRETCH = np.array([1.25, 1.0, 0.8])  # axes of the ellipsoid, whose volume is that of a ball

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grown:
    """One lesion on the grid of its volume.

    Attributes:
        box: where it is.
        share: how much of each voxel of the box is lesion, 0 to 1.
        filled: the voxels of the box that count as lesion.
        centre: (3,) voxel index.
        diameter_mm: of a ball of its volume.
    """

    box: Box
    share: FloatArray
    filled: BoolArray
    centre: tuple[int, int, int]
    diameter_mm: float


def place_lesions(
    inside: BoolArray,
    voxel_mm: npt.NDArray[np.float64],
    diameters_mm: Sequence[float],
    rng: np.random.Generator,
) -> list[Grown]:
    """Grow one lesion of each size, apart from each other and from the surface.

    Args:
        inside: (X, Y, Z) bool, the foreground.
        voxel_mm: (3,) size of a voxel.
        diameters_mm: of the lesions, the largest first.
        rng: decides places and shapes.

    Raises:
        DataError: a lesion finds no place.
    """
    depth = ndimage.distance_transform_edt(inside, sampling=voxel_mm)
    placed: list[Grown] = []
    for diameter in diameters_mm:
        centre = _centre(depth, voxel_mm, placed, diameter, rng)
        placed.append(_grown(inside, voxel_mm, centre, diameter, rng))
    return placed


def _centre(
    depth: npt.NDArray[np.float64],
    voxel_mm: npt.NDArray[np.float64],
    placed: Sequence[Grown],
    diameter: float,
    rng: np.random.Generator,
) -> tuple[int, int, int]:
    """The first place of many drawn blindly that is deep enough and far from the others."""
    tries = np.stack([rng.integers(0, n, _TRIES) for n in depth.shape], axis=1)
    fits = depth[tuple(tries.T)] > diameter / 2 + _RIM_MM
    for one in placed:
        apart = np.linalg.norm((tries - np.array(one.centre)) * voxel_mm, axis=1)
        fits &= apart > (diameter + one.diameter_mm) / 2 + _APART_MM
    if not fits.any():
        raise DataError(
            f"a lesion of {diameter:g} mm finds no place in the foreground",
            hint="choose other volumes with --split",
        )
    x, y, z = (int(i) for i in tries[np.argmax(fits)])
    return x, y, z


def _grown(
    inside: BoolArray,
    voxel_mm: npt.NDArray[np.float64],
    centre: tuple[int, int, int],
    diameter: float,
    rng: np.random.Generator,
) -> Grown:
    """An ellipsoid with a rough surface that fills the volume of a ball."""
    radius = diameter / 2
    reach = np.ceil((1.6 * radius + 3 * _EDGE_MM) / voxel_mm).astype(int) + 1
    box = tuple(
        slice(max(i - r, 0), min(i + r + 1, n))
        for i, r, n in zip(centre, reach.tolist(), inside.shape, strict=True)
    )
    x, y, z = box
    offsets = np.indices([one.stop - one.start for one in box], dtype=np.float64)
    start = np.array([i - one.start for i, one in zip(centre, box, strict=True)])
    offsets = (offsets - start[:, None, None, None]) * voxel_mm[:, None, None, None]
    turn = Rotation.random(rng=rng).as_matrix() / _STRETCH[:, None]
    distance = np.sqrt((np.einsum("ab,bxyz->axyz", turn, offsets) ** 2).sum(axis=0))
    noise = ndimage.gaussian_filter(rng.standard_normal(distance.shape), 3.0 / voxel_mm)
    rough = min(0.15 * radius, 1.5) * noise / (noise.std() or 1.0)
    allowed = inside[x, y, z] & (distance < 1.5 * radius + voxel_mm.max())
    potential = np.where(allowed, rough - distance, FORBIDDEN).astype(np.float32)
    voxels = max(round(4 / 3 * np.pi * radius**3 / float(np.prod(voxel_mm))), 1)
    filled, share = grow(potential, voxels, softness=_EDGE_MM)
    return Grown((x, y, z), share, filled, centre, diameter)


def with_lesions(
    data: FloatArray, inside: BoolArray, lesions: Sequence[Grown], contrast: float
) -> FloatArray:
    """The volume with all lesions at one contrast; the foreground stays above its lowest 1 %.

    Args:
        data: (X, Y, Z) float32.
        inside: the same shape, the foreground.
        lesions: of `place_lesions`.
        contrast: share of the range between the 5th and the 95th percentile of the foreground;
            below 0 makes dark lesions.
    """
    low, first, last = np.percentile(data[inside], [1, 5, 95])
    made = data.copy()
    for one in lesions:
        part = made[one.box]
        # A lesion moves every voxel alike, so that its texture stays that of the tissue.
        moved = part + np.float32(contrast * (last - first)) * one.share
        made[one.box] = np.where(
            inside[one.box], np.maximum(moved, np.minimum(part, np.float32(low))), part
        )
    return made
