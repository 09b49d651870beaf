"""One subject's anatomy: the average brain turned, warped and given a cortex of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from bench.data.phantom.brain.fields import (
    SHAPE,
    BoolArray,
    FloatArray,
    interpolate,
    logistic,
    node_grid_mm,
    node_index,
    node_noise,
    sample,
    stream,
    upsample,
    voxel_noise,
)
from bench.data.phantom.brain.template import template

Displacement = Callable[[FloatArray], FloatArray]

# Brains of OASIS-1, IXI and MSLUB hold 1.1 to 1.6 litres after skull stripping, the template 1.9.
_SCALE = 0.94
_SCALE_SD = 0.025
_STRETCH_SD = 0.02
_TURN_SD_DEG = (4.5, 2.5, 3.0)  # about x (nodding), y and z: subjects are not registered
_SHIFT_SD_MM = 2.5
_WARPS_MM = ((60.0, 2.5), (25.0, 1.1))  # (length, standard deviation of each component)
_NUCLEI_MM = (  # centre and radii of ellipsoids in the template
    ((0, -8, 4), (32, 30, 20)),  # basal ganglia and thalamus
    ((0, -26, -34), (17, 15, 26)),  # brain stem
    ((0, -62, -36), (50, 30, 26)),  # cerebellum, whose folds are finer than a voxel
)
_CENTRE_MM = np.array([0.0, -18.0, 8.0], dtype=np.float32)


@dataclass(frozen=True)
class Anatomy:
    """Tissue of one subject on the phantom's grid; all arrays have shape `SHAPE`.

    Attributes:
        brain: what skull stripping left.
        grey: share of grey matter, 0 to 1.
        white: share of white matter.
        bone: share of the dark layers around the fluid around the brain; fluid is the rest.
        edge_mm: distance from the surface of the brain, positive inside.
        ventricle_mm: distance from the lateral ventricles, negative in them.
        t1_ratio: local T1 signal relative to what tissue shares explain, near 1.
        place_mm: (3, *SHAPE) where in the template each voxel comes from.
    """

    brain: BoolArray
    grey: FloatArray
    white: FloatArray
    bone: FloatArray
    edge_mm: FloatArray
    ventricle_mm: FloatArray
    t1_ratio: FloatArray
    place_mm: FloatArray

    @property
    def fluid(self) -> FloatArray:
        """Share of cerebrospinal fluid, 0 to 1."""
        return 1 - self.grey - self.white - self.bone


def node_places(subject: str) -> FloatArray:
    """Where in the template each node of a subject lies: (3, *NODES) float32, in mm."""
    rng = stream(subject, "shape")
    turn = Rotation.from_euler("xyz", rng.normal(0, _TURN_SD_DEG), degrees=True).as_matrix()
    size = rng.normal(_SCALE, _SCALE_SD) * (1 + rng.normal(0, _STRETCH_SD, 3))
    shift = rng.normal(0, _SHIFT_SD_MM, 3)
    centre = _CENTRE_MM[:, None, None, None]
    from_centre = node_grid_mm() - centre - shift[:, None, None, None]
    places = np.einsum("ab,bxyz->axyz", turn / size[:, None], from_centre) + centre
    for length, sd in _WARPS_MM:
        places += sd * np.stack([node_noise(rng, length) for _ in range(3)])
    growth_mm = np.clip(rng.normal(1.5, 1.5), -1.0, 5.0)  # of the lateral ventricles
    average = template()
    push = [sample(one, average.affine_2mm, places.astype(np.float32)) for one in average.outward]
    return np.asarray(places - growth_mm * np.stack(push), dtype=np.float32)


def build_anatomy(
    subject: str, places: FloatArray, displacement: Displacement | None = None
) -> Anatomy:
    """Make the tissue of one subject.

    Args:
        subject: id; its stream decides everything random.
        places: of `node_places`.
        displacement: maps world coordinates (3, ...) in mm to where their tissue was before
            a mass pushed it away.
    """
    if displacement is not None:
        index = node_index(displacement(node_grid_mm()))
        places = np.stack([interpolate(one, index) for one in places])
    average = template()
    place_mm = np.stack([upsample(one) for one in places])
    edge = sample(average.edge_mm, average.affine_2mm, place_mm)
    brain, bone = _coverings(subject, edge)
    inside = place_mm[:, brain]
    grey, white = _tissue(subject, inside, brain)
    return Anatomy(
        brain=brain,
        grey=_spread_out(grey, brain) * (1 - bone),
        white=_spread_out(white, brain) * (1 - bone),
        bone=bone,
        edge_mm=edge,
        ventricle_mm=sample(average.ventricle_mm, average.affine_2mm, place_mm),
        t1_ratio=_spread_out(sample(average.t1_ratio, average.affine_2mm, inside), brain),
        place_mm=place_mm,
    )


def _coverings(subject: str, edge_mm: FloatArray) -> tuple[BoolArray, FloatArray]:
    """What an imperfect skull stripping leaves, and the share of bone and meninges.

    In places some fluid and even bone is kept, in others some cortex is lost.
    """
    rng = stream(subject, "coverings")
    level = rng.normal(0.5, 0.6) + upsample(node_noise(rng, 30)) + 0.5 * voxel_noise(rng, 8)
    labels, _ = ndimage.label(edge_mm > level)
    largest = np.argmax(np.bincount(labels.ravel())[1:]) + 1
    brain: BoolArray = ndimage.binary_fill_holes(labels == largest)
    fluid_mm = rng.normal(0.5, 0.4) + 0.6 * upsample(node_noise(rng, 25))
    return brain, logistic((-edge_mm - fluid_mm) / 0.6)


def _tissue(subject: str, place_mm: FloatArray, brain: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Shares of grey and white matter at the brain's voxels.

    Folds are added to the logits of the average shares, which are undecided exactly where
    people differ: sulci and the border of the cortex move, deep white matter stays.
    """
    average = template()
    rng = stream(subject, "tissue")
    grey = sample(average.grey, average.affine, place_mm)
    white = sample(average.white, average.affine, place_mm)
    calm = 0.8 * _nuclei(place_mm)  # nuclei are mixtures by nature, not for want of a decision
    in_sulcus, in_gyrus = _folds(rng, brain)
    shares = (np.clip(1 - grey - white, 0, 1), grey, white)
    favour = (
        3.0 * in_sulcus + rng.normal(1.1, 0.4),
        np.zeros_like(in_sulcus),
        2.0 * in_gyrus + rng.normal(0.1, 0.2),
    )
    logits = [
        (2.0 - calm) * np.log(share + 0.01) + (1 - calm) * (more + 0.6 * voxel_noise(rng, 7)[brain])
        for share, more in zip(shares, favour, strict=True)
    ]
    odds = np.exp(np.stack(logits) - np.max(logits, axis=0))
    odds /= odds.sum(axis=0)
    return odds[1].astype(np.float32), odds[2].astype(np.float32)


def _folds(rng: np.random.Generator, brain: BoolArray) -> tuple[FloatArray, FloatArray]:
    """How far each voxel of the brain would lie in a sulcus or in a gyrus' white core.

    Sulci follow the zero surfaces of a smooth random field: sheets some 13 mm apart, fluid in
    the middle, cortex on both sides, white matter between them.

    Returns:
        Two arrays from -1 (not at all) to 1.
    """
    to_sheet_mm = 2.4 * np.abs(voxel_noise(rng, 7.0)[brain])
    return np.clip((1.3 - to_sheet_mm) / 1.3, -1, 1), np.clip((to_sheet_mm - 2.9) / 1.5, -1, 1)


def _nuclei(place_mm: FloatArray) -> FloatArray:
    """About 1 in deep nuclei, brain stem and cerebellum, 0 elsewhere, by template place."""
    inside = np.zeros(place_mm.shape[1:], dtype=np.float32)
    for centre, radii in _NUCLEI_MM:
        scaled = (place_mm - np.array(centre)[:, None]) / np.array(radii)[:, None]
        inside = np.maximum(inside, logistic(12 * (1 - np.linalg.norm(scaled, axis=0))))
    return inside


def _spread_out(values: FloatArray, brain: BoolArray) -> FloatArray:
    volume = np.zeros(SHAPE, dtype=np.float32)
    volume[brain] = values
    return volume
