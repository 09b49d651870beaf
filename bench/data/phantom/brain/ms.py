"""Lesions like those of multiple sclerosis, as many, as large and where patients have them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from bench.data.phantom.brain.anatomy import Anatomy
from bench.data.phantom.brain.fields import (
    SHAPE,
    SPACING_MM,
    BoolArray,
    FloatArray,
    stream,
    voxel_noise,
)
from bench.data.phantom.brain.lesions import FORBIDDEN, Lesions, grow
from bench.data.phantom.brain.subjects import PhantomSubject

# Measured on the consensus masks of 20 MSLUB patients in MNI space at 1 mm (Lesjak et al. 2017,
# doi 10.1007/s12021-017-9348-7, CC BY); lesions are 26-connected parts of at least 8 mm3.
# Per patient, by load: number of lesions, their volume together, volume of the largest (mm3).
PATIENTS = np.array(
    [
        (14, 856, 253), (8, 997, 260), (25, 1263, 210), (19, 1363, 203), (20, 1590, 424),
        (38, 6059, 1480), (158, 8884, 629), (46, 13080, 4917), (76, 13487, 2525),
        (23, 14240, 7509), (45, 16586, 7532), (79, 16659, 6338), (58, 18981, 4520),
        (56, 29829, 22825), (25, 29874, 22433), (201, 30437, 5360), (98, 40321, 15150),
        (221, 48301, 39401), (64, 49654, 46870), (84, 52133, 24724),
    ]
)  # fmt: skip
# Quantiles 0, 5, ... 100 % of the volume of all 1358 lesions (mm3).
VOLUMES_MM3 = (
    8, 9, 11, 12, 14, 16, 18, 20, 24, 28, 32, 37, 43, 50, 59, 75, 97, 126, 210, 450, 46870
)  # fmt: skip
# Quantiles 5, 10, 25, 50, 75, 90, 95 % of the distance from the lateral ventricles to the nearest
# voxel of a lesion (mm; negative inside the template's ventricles), by the lesion's volume.
DISTANCE_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
DISTANCES_MM = (
    (50.0, (2.2, 5.0, 10.0, 17.3, 26.9, 32.3, 35.7)),
    (500.0, (-1.4, 1.0, 6.7, 14.7, 24.1, 30.8, 33.4)),
    (2000.0, (-2.6, -2.2, -1.7, 2.2, 13.1, 17.4, 26.9)),
    (np.inf, (-4.4, -4.2, -3.5, -3.1, -2.2, -0.3, 2.1)),
)
_VOXEL_MM3 = SPACING_MM**3
_SMALLEST_MM3 = 8.0
_EDGE_MM = 0.8


def ms_lesions(subject: PhantomSubject, anatomy: Anatomy) -> Lesions:
    """Grow the lesions of one subject.

    Args:
        subject: its rank sets the load, its random stream everything else.
        anatomy: where they grow, and only in tissue.
    """
    rng = stream(subject.name, "ms")
    noise = voxel_noise(rng, 7)
    texture = 0.05 * voxel_noise(rng, 5)
    soil = _Soil(anatomy)
    label = np.zeros(SHAPE, dtype=bool)
    share = np.zeros(SHAPE, dtype=np.float32)
    severity, weight = np.zeros_like(share), np.full_like(share, 1e-6)
    for volume in _volumes(rng, subject.rank):
        box, potential = _potential(rng, soil, noise, volume)
        filled, part = grow(potential, max(round(volume / _VOXEL_MM3), 1), _EDGE_MM)
        soil.take(filled, box)
        label[box] |= filled
        share[box] = np.maximum(share[box], part)
        weight[box] += part
        severity[box] += part * _severity(rng, volume)
    severity /= weight  # where two lesions meet, between theirs
    t1 = (1.0 - 0.5 * severity - 0.2 * anatomy.grey) * (1 - texture)
    t2 = (1.1 + 1.0 * severity + 0.2 * anatomy.grey) * (1 + texture)
    return Lesions(label, share, {"T1": t1, "T2": t2})


def _severity(rng: np.random.Generator, volume: float) -> float:
    """How far its signal departs from white matter, 0 to 1; large lesions are more destructive."""
    return float(np.clip(rng.normal(0.35 + 0.1 * np.log10(volume / 8), 0.15), 0.1, 0.95))


def _volumes(rng: np.random.Generator, rank: float) -> Iterator[float]:
    """Volumes of one patient's lesions in mm3, the largest first.

    Number, load and largest lesion are interpolated between patients of neighbouring load; the
    other lesions follow the distribution of all patients, bent by a power to meet the load.
    """
    below, between = divmod(rank * (len(PATIENTS) - 1), 1)
    pair = np.log(PATIENTS[int(below) : int(below) + 2])
    count, load, largest = np.exp(pair[0] + between * (pair[1] - pair[0]))
    others = round(count) - 1
    levels = np.linspace(0, 1, len(VOLUMES_MM3))
    drawn = np.exp(np.interp(rng.uniform(0, 0.99, others), levels, np.log(VOLUMES_MM3)))
    rest = max(load - largest, 1.2 * _SMALLEST_MM3 * others)

    def bent(power: float) -> npt.NDArray[np.float64]:
        volumes = _SMALLEST_MM3 * (drawn / _SMALLEST_MM3) ** power
        return np.asarray(np.minimum(volumes, largest), dtype=np.float64)

    most = 4.0
    power = brentq(lambda p: bent(p).sum() - rest, 0, most) if bent(most).sum() > rest else most
    yield float(largest)
    yield from (float(volume) for volume in np.sort(bent(power))[::-1])


class _Soil:
    """Where lesions may still grow, and where their seeds may lie."""

    def __init__(self, anatomy: Anatomy) -> None:
        self.anatomy = anatomy
        tissue = anatomy.white + 0.4 * anatomy.grey
        self.hostile = np.clip(1 - tissue, 0, 1) + 2 * np.clip(anatomy.fluid, 0, 1)
        self.free: BoolArray = anatomy.brain & (anatomy.fluid < 0.5) & (anatomy.edge_mm > 4)
        self._tissue = tissue.ravel()

    def seed(self, rng: np.random.Generator, wanted_mm: float) -> tuple[int, ...]:
        """A free voxel in tissue, about so far from the ventricles.

        The first fitting one of many drawn blindly, not one of all that fit: their number hangs
        on the last digits in which CPUs differ.
        """
        tries = rng.integers(0, self._tissue.size, 8192)
        fertile = self.free.ravel()[tries] & (self._tissue[tries] > 0.45)
        away = np.abs(self.anatomy.ventricle_mm.ravel()[tries] - wanted_mm)
        fits = fertile & (away < 1.5)
        best = np.argmax(fits) if fits.any() else np.argmin(np.where(fertile, away, np.inf))
        return tuple(int(i) for i in np.unravel_index(tries[best], SHAPE))

    def take(self, filled: BoolArray, box: tuple[slice, ...]) -> None:
        """Keep the voxels of a lesion and those around it from the next ones."""
        self.free[box] &= ~ndimage.binary_dilation(filled, np.ones((3, 3, 3)))


def _radius_mm(volume: float) -> float:
    return float((volume * 3 / (4 * np.pi)) ** (1 / 3))


def _nearest_mm(rng: np.random.Generator, volume: float) -> float:
    """How far from the ventricles a lesion of that volume begins."""
    quantiles = next(values for limit, values in DISTANCES_MM if volume < limit)
    return max(float(np.interp(rng.uniform(), DISTANCE_QUANTILES, quantiles)), 0.0)


def _potential(
    rng: np.random.Generator, soil: _Soil, noise: FloatArray, volume: float
) -> tuple[tuple[slice, ...], FloatArray]:
    """How readily a lesion spreads from a seed, in mm, within a box around it."""
    radius = _radius_mm(volume)
    nearest = _nearest_mm(rng, volume)
    confluent = volume > 500 and nearest < 2
    seed = soil.seed(rng, nearest + (2.0 if confluent else 1.5 * radius))
    turn = Rotation.random(rng=rng).as_matrix() / np.array([1.5, 1.0, 0.67])[:, None]
    reach = int(np.ceil((4 if confluent else 2.5) * radius / SPACING_MM)) + 3
    box = tuple(
        slice(max(i - reach, 0), min(i + reach + 1, n)) for i, n in zip(seed, SHAPE, strict=True)
    )
    offsets = np.indices([one.stop - one.start for one in box], dtype=np.float32)
    start = np.array([i - one.start for i, one in zip(seed, box, strict=True)])
    offsets = (offsets - start[:, None, None, None]) * SPACING_MM
    if confluent:  # along the wall of the ventricle rather than away from it
        along = 0.45 * np.sqrt((offsets**2).sum(axis=0))
        distance = np.hypot(along, 1.3 * np.maximum(soil.anatomy.ventricle_mm[box], 0))
    else:
        distance = np.sqrt((np.einsum("ab,bxyz->axyz", turn, offsets) ** 2).sum(axis=0))
    rough = min(0.3 * radius, 2.5) * noise[box]
    potential = rough - distance - max(radius, 2.0) * soil.hostile[box]
    return box, np.where(soil.free[box], potential, FORBIDDEN).astype(np.float32)
