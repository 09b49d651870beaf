"""The average brain under the phantom: ICBM152 2009a as nilearn ships it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bench.data.phantom.brain.fields import BoolArray, FloatArray
from bench.errors import DataError

_DEEP_MM = 22.0  # fluid farther from the brain's surface than this is ventricle or cistern
_HINT = "install the nilearn version in requirements.lock"
_IN_LATERAL_VENTRICLE_MM = (12.0, -15.0, 22.0)


@dataclass(frozen=True)
class Template:
    """Tissue shares and distances of the average brain.

    Attributes:
        grey: share of grey matter at 1 mm, float32 from 0 to 1.
        white: share of white matter at 1 mm; fluid is the rest of the brain.
        affine: voxel index to mm of those two.
        edge_mm: signed distance to the brain's surface at 2 mm, positive inside.
        ventricle_mm: signed distance to the lateral ventricles at 2 mm, positive outside.
        outward: (3, ...) direction away from the lateral ventricles at 2 mm, of length 1 at
            their walls, dying away over some 12 mm.
        t1_ratio: T1 signal over what its tissue shares explain, at 2 mm, near 1: how deep
            nuclei, thalamus and brain stem differ from cortex and white matter elsewhere.
        affine_2mm: voxel index to mm of the last four.
    """

    grey: FloatArray
    white: FloatArray
    affine: npt.NDArray[np.float64]
    edge_mm: FloatArray
    ventricle_mm: FloatArray
    outward: FloatArray
    t1_ratio: FloatArray
    affine_2mm: npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def template() -> Template:
    """Load the template; some seconds the first time, because nilearn is slow to import.

    Raises:
        DataError: nilearn's files are not what they were when this was written.

    Source:
        Fonov et al., NeuroImage 2011, doi 10.1016/j.neuroimage.2010.07.033; nilearn's
        ``load_mni152_template`` and its siblings for grey and white matter.
    """
    from nilearn import datasets

    image = datasets.load_mni152_template(resolution=1)
    affine = np.asarray(image.affine, dtype=np.float64)
    t1 = image.get_fdata(dtype=np.float32)
    grey = datasets.load_mni152_gm_template(resolution=1).get_fdata(dtype=np.float32)
    white = datasets.load_mni152_wm_template(resolution=1).get_fdata(dtype=np.float32)
    if t1.shape != (197, 233, 189) or not np.array_equal(np.diag(affine), np.ones(4)):
        raise DataError(
            f"nilearn's MNI152 template has shape {t1.shape}; the phantom needs the ICBM152 2009a"
            " template of shape (197, 233, 189) at 1 mm",
            hint=_HINT,
        )
    affine_2mm = affine.copy()
    affine_2mm[:3, :3] *= 2
    t1, coarse_grey, coarse_white = (one[::2, ::2, ::2] for one in (t1, grey, white))
    edge = _signed_distance(t1 > 0)
    fluid = (edge > _DEEP_MM) & (coarse_grey + coarse_white < 0.5)
    ventricle = -_signed_distance(_lateral_ventricles(fluid, affine_2mm))
    return Template(
        grey=grey,
        white=white,
        affine=affine,
        edge_mm=edge,
        ventricle_mm=ventricle,
        outward=_outward(ventricle),
        t1_ratio=_t1_ratio(t1, coarse_grey, coarse_white),
        affine_2mm=affine_2mm,
    )


def _signed_distance(inside: BoolArray) -> FloatArray:
    """Distance to the border on the 2 mm grid, in mm, positive inside."""
    into = ndimage.distance_transform_edt(inside, sampling=2.0)
    away = ndimage.distance_transform_edt(~inside, sampling=2.0)
    # A border that follows the voxels would show in every subject as the same steps.
    smooth = ndimage.gaussian_filter(np.where(inside, into - 1, 1 - away), 0.7)
    return np.asarray(smooth, dtype=np.float32)


def _lateral_ventricles(fluid: BoolArray, affine: npt.NDArray[np.float64]) -> BoolArray:
    labels, _ = ndimage.label(fluid)
    place = np.asarray(_IN_LATERAL_VENTRICLE_MM) - affine[:3, 3]
    chosen = labels[tuple(np.rint(place / np.diag(affine)[:3]).astype(int))]
    if chosen == 0:
        raise DataError(
            f"no fluid at {_IN_LATERAL_VENTRICLE_MM} mm in nilearn's MNI152 template, where its"
            " lateral ventricle should be",
            hint=_HINT,
        )
    return np.asarray(labels == chosen)


def _outward(ventricle_mm: FloatArray) -> FloatArray:
    smooth = ndimage.gaussian_filter(ventricle_mm, 2.0)
    fading = np.exp(-np.maximum(smooth, 0) / 12)
    return np.stack([slope * fading for slope in np.gradient(smooth, 2.0)])


def _t1_ratio(t1: FloatArray, grey: FloatArray, white: FloatArray) -> FloatArray:
    brain = t1 > 0
    shares = np.stack([grey[brain], white[brain], 1 - grey[brain] - white[brain]], axis=1)
    levels = np.linalg.lstsq(shares, t1[brain], rcond=None)[0]
    ratio = np.ones_like(t1)
    ratio[brain] = np.clip(t1[brain] / np.maximum(shares @ levels, 0.2), 0.85, 1.15)
    # Towards the surface the average mixes skulls and brains: no tissue contrast there.
    trust = np.clip((grey + white - 0.5) * 2, 0, 1)
    return np.asarray(ndimage.gaussian_filter(1 + (ratio - 1) * trust, 0.75), dtype=np.float32)
