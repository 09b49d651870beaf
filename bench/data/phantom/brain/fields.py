"""The phantom's voxel grid, its random streams and its smooth random fields."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.interpolate import make_interp_spline

from bench.data.phantom.brain.subjects import GENERATOR_VERSION

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

SPACING_MM = 2.0
SHAPE = (91, 109, 91)
AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
"""The usual 2 mm MNI grid with its usual axes, LAS: the first one runs from right to left."""

_NODE_STEP = 4  # voxels between the nodes that long-range fields are drawn on: 8 mm
NODE_MM = _NODE_STEP * SPACING_MM
NODES = (24, 29, 24)  # the last node lies beyond the last voxel on every axis
_FWHM = 2.355  # full width at half maximum of a Gaussian, in standard deviations


def stream(subject: str, part: str) -> np.random.Generator:
    """The random numbers of one part of one subject, whatever else is drawn anywhere.

    Args:
        subject: id of the subject.
        part: what they are for, such as ``"anatomy"``; parts do not disturb each other.
    """
    digest = hashlib.sha256(f"{GENERATOR_VERSION}/{subject}/{part}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def voxel_grid_mm() -> FloatArray:
    """World coordinates of all voxels: (3, *SHAPE) float32, in mm, right-anterior-superior."""
    return _world(np.indices(SHAPE, dtype=np.float32))


def node_grid_mm() -> FloatArray:
    """World coordinates of all nodes: (3, *NODES) float32, in mm."""
    return _world(np.indices(NODES, dtype=np.float32) * _NODE_STEP)


def node_index(world_mm: FloatArray) -> FloatArray:
    """World coordinates (3, ...) in mm as fractional node indices."""
    return np.asarray(_index(world_mm, AFFINE) / _NODE_STEP, dtype=np.float32)


def sample(volume: FloatArray, affine: npt.NDArray[np.float64], world_mm: FloatArray) -> FloatArray:
    """Linear interpolation of a volume at world coordinates.

    Args:
        volume: (X, Y, Z) float32.
        affine: (4, 4), diagonal but for the offsets; voxel index to mm.
        world_mm: (3, ...) float32.

    Returns:
        (...) float32; beyond the volume its nearest edge value.
    """
    return interpolate(volume, _index(world_mm, affine))


def interpolate(volume: FloatArray, index: FloatArray) -> FloatArray:
    """The same at fractional voxel indices, (3, ...) float32."""
    found: FloatArray = ndimage.map_coordinates(volume, index, order=1, mode="nearest")
    return found


def _world(index: FloatArray) -> FloatArray:
    scale, offset = np.diag(AFFINE)[:3], AFFINE[:3, 3]
    world = index * scale[:, None, None, None] + offset[:, None, None, None]
    return np.asarray(world, dtype=np.float32)


def _index(world_mm: FloatArray, affine: npt.NDArray[np.float64]) -> FloatArray:
    broadcast = (3,) + (1,) * (world_mm.ndim - 1)
    scale = np.diag(affine)[:3].astype(np.float32).reshape(broadcast)
    offset = affine[:3, 3].astype(np.float32).reshape(broadcast)
    return np.asarray((world_mm - offset) / scale, dtype=np.float32)


@lru_cache
def _to_voxels(axis: int) -> FloatArray:
    """Cubic interpolation from nodes to voxels along one axis, as a (voxels, nodes) matrix."""
    nodes = np.arange(NODES[axis]) * _NODE_STEP
    spline = make_interp_spline(nodes, np.eye(NODES[axis]))
    return np.asarray(spline(np.arange(SHAPE[axis])), dtype=np.float32)


def upsample(nodes: FloatArray) -> FloatArray:
    """A field on the nodes, (NODES) float32, as a field on the voxels, (SHAPE) float32."""
    x, y, z = (_to_voxels(axis) for axis in range(3))
    field = np.einsum("xi,yj,zk,ijk->xyz", x, y, z, nodes, optimize=True)
    return np.asarray(field, dtype=np.float32)


def node_noise(rng: np.random.Generator, length_mm: float) -> FloatArray:
    """Smooth noise of unit variance on the nodes.

    Args:
        rng: where it is drawn from.
        length_mm: full width at half maximum of the smoothing; from about 16 mm upwards.
    """
    return _smooth_noise(rng, NODES, length_mm / _FWHM / NODE_MM)


def voxel_noise(rng: np.random.Generator, length_mm: float) -> FloatArray:
    """Smooth noise of unit variance on the voxels, for lengths below about 20 mm."""
    return _smooth_noise(rng, SHAPE, length_mm / _FWHM / SPACING_MM)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int, int], sigma: float
) -> FloatArray:
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth: FloatArray = ndimage.gaussian_filter(white, sigma, mode="wrap")
    return np.asarray(smooth / smooth.std(), dtype=np.float32)


def logistic(x: npt.NDArray[np.floating]) -> FloatArray:
    """The logistic function, from 0 to 1, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)), dtype=np.float32)
