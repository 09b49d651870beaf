"""One large lesion like a glioma: necrosis, rim, oedema along white matter, mass effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation
from skimage.graph import MCP_Geometric

from bench.data.phantom.brain.anatomy import Anatomy
from bench.data.phantom.brain.fields import (
    SHAPE,
    SPACING_MM,
    BoolArray,
    FloatArray,
    interpolate,
    logistic,
    node_grid_mm,
    node_index,
    sample,
    stream,
    voxel_grid_mm,
    voxel_noise,
)
from bench.data.phantom.brain.lesions import FORBIDDEN, Lesions, grow
from bench.data.phantom.brain.subjects import PhantomSubject
from bench.data.phantom.brain.template import template

_SMALLEST_ML, _LARGEST_ML = 40.0, 170.0
_VOXEL_ML = SPACING_MM**3 / 1000
_HOME_MM = {"edge": 16.0, "midline": 12.0, "lowest": -14.0}


@dataclass(frozen=True)
class Mass:
    """Where a tumour grows and how it pushes.

    Attributes:
        centre_mm: (3,) world coordinates.
        core_ml: volume of necrosis and rim.
        total_ml: the same with oedema.
        push_mm: displacement at the border of the core.
        edge_mm: (NODES) distance from the brain's surface, where displacement ends.
    """

    centre_mm: FloatArray
    core_ml: float
    total_ml: float
    push_mm: float
    edge_mm: FloatArray

    @property
    def radius_mm(self) -> float:
        """Radius of a ball of the core's volume."""
        return float((self.core_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3))

    def origin_of(self, world_mm: FloatArray) -> FloatArray:
        """Where the tissue at world coordinates (3, ...) in mm was before the mass pushed it."""
        away = world_mm - self.centre_mm[:, None, None, None]
        distance = np.sqrt((away**2).sum(axis=0)) + 1e-3
        far = np.maximum(distance / self.radius_mm, 1)
        push = self.push_mm * np.minimum(distance / self.radius_mm, 1) / far**1.5
        edge = interpolate(self.edge_mm, node_index(world_mm))
        held = 1 - np.exp(-np.maximum(edge, 0) / 12)  # the skull gives no way
        return np.asarray(world_mm - away / distance * push * held, dtype=np.float32)


def plan_mass(subject: PhantomSubject, places: FloatArray) -> Mass:
    """Choose place and size of a tumour before the anatomy is built around it.

    Args:
        subject: its rank sets the volume, its random stream everything else.
        places: of `bench.data.phantom.brain.anatomy.node_places`.
    """
    rng = stream(subject.name, "glioma-plan")
    average = template()
    edge = sample(average.edge_mm, average.affine_2mm, places)
    home = (
        (sample(average.white, average.affine, places) > 0.6)
        & (edge > _HOME_MM["edge"])
        & (np.abs(places[0]) > _HOME_MM["midline"])
        & (places[2] > _HOME_MM["lowest"])
    )
    # The first home in a random order: their number hangs on digits in which CPUs differ.
    order = rng.permutation(home.size)
    chosen = int(order[np.argmax(home.ravel()[order])])
    centre = node_grid_mm().reshape(3, -1)[:, chosen] + rng.uniform(-4, 4, 3)
    total = _SMALLEST_ML * (_LARGEST_ML / _SMALLEST_ML) ** subject.rank
    core = total * rng.uniform(0.2, 0.5)
    radius_mm = (core * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    return Mass(
        centre_mm=centre.astype(np.float32),
        core_ml=float(core),
        total_ml=float(total),
        push_mm=float(radius_mm * rng.uniform(0.25, 0.5)),
        edge_mm=edge,
    )


def glioma(subject: str, mass: Mass, anatomy: Anatomy) -> Lesions:
    """Grow the planned tumour in the anatomy that it has displaced."""
    rng = stream(subject, "glioma")
    core, core_share = _core(rng, mass, anatomy)
    oedema, oedema_share = _oedema(rng, mass, anatomy, core)
    depth = ndimage.distance_transform_edt(core, sampling=SPACING_MM)
    rim_mm = rng.uniform(4, 7) + 2.0 * voxel_noise(rng, 9)
    dead = logistic((depth.astype(np.float32) - rim_mm) / 0.8)
    fine = voxel_noise(rng, 6)
    t1 = _blend(
        0.78 - 0.12 * anatomy.grey - 0.03 * fine,
        0.84 + 0.07 * fine,
        0.42 + 0.03 * fine,
        core_share,
        dead,
    )
    t2 = _blend(1.75 + 0.1 * fine, 1.6 + 0.15 * fine, 2.5 + 0.1 * fine, core_share, dead)
    share = np.maximum(core_share, 0.9 * oedema_share)
    return Lesions(core | oedema, share, {"T1": t1, "T2": t2})


def _blend(
    oedema: FloatArray, rim: FloatArray, dead: FloatArray, in_core: FloatArray, is_dead: FloatArray
) -> FloatArray:
    core = rim + is_dead * (dead - rim)
    return (oedema + in_core * (core - oedema)).astype(np.float32)


def _core(rng: np.random.Generator, mass: Mass, anatomy: Anatomy) -> tuple[BoolArray, FloatArray]:
    away = voxel_grid_mm() - mass.centre_mm[:, None, None, None]
    axes = Rotation.random(rng=rng).as_matrix() / np.array([1.25, 1.0, 0.8])[:, None]
    distance = np.sqrt((np.einsum("ab,bxyz->axyz", axes, away) ** 2).sum(axis=0))
    lobes = mass.radius_mm * (0.25 * voxel_noise(rng, 18) + 0.08 * voxel_noise(rng, 8))
    allowed = anatomy.brain & (anatomy.edge_mm > 2) & (distance < 2 * mass.radius_mm)
    potential = np.where(allowed, lobes - distance - 4 * anatomy.fluid, FORBIDDEN)
    return grow(potential.astype(np.float32), round(mass.core_ml / _VOXEL_ML), softness=0.9)


def _oedema(
    rng: np.random.Generator, mass: Mass, anatomy: Anatomy, core: BoolArray
) -> tuple[BoolArray, FloatArray]:
    """Fluid seeping from the core: fast along white matter, slow in cortex, not through sulci."""
    reach = round(70 / SPACING_MM)
    centre = ndimage.center_of_mass(core)
    box = tuple(slice(max(round(c) - reach, 0), round(c) + reach + 1) for c in centre)
    ease = np.clip(anatomy.white[box] + 0.12 * anatomy.grey[box], 0.02, 1)
    cost = np.where(anatomy.brain[box], SPACING_MM / ease, -1).astype(np.float64)
    starts = np.argwhere(core[box])
    arrival, _ = MCP_Geometric(cost).find_costs(starts)
    near = np.where(np.isfinite(arrival), arrival, 1e5).astype(np.float32)
    fingers = 3.0 * voxel_noise(rng, 12)[box]
    potential = fingers - near - 6 * (1 - anatomy.white[box])
    allowed = anatomy.brain[box] & ~core[box] & (anatomy.fluid[box] < 0.5) & (near < 1e4)
    voxels = round((mass.total_ml - mass.core_ml) / _VOXEL_ML)
    filled, part = grow(np.where(allowed, potential, FORBIDDEN), voxels, softness=2.0)
    label, share = np.zeros(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=np.float32)
    label[box], share[box] = filled, part
    return label, share
