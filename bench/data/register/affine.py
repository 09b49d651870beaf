"""The steps of a registration, each a call of SimpleITK; arrays and affines go in and out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray, FloatArray
from bench.data.read.itk import LPS_TO_RAS
from bench.data.read.optional import library

Matrix = npt.NDArray[np.float64]

_N4_VOXEL_MM = 4.0
_N4_ITERATIONS = (50, 40, 30)
_BINS, _SHARE, _SEED = 32, 0.25, 1
_SHRINK, _SMOOTH_MM, _ITERATIONS = (4, 2, 1), (4.0, 2.0, 0.0), 120


@dataclass(frozen=True)
class Template:
    """The MNI152 brain that nilearn ships, without skull.

    Attributes:
        brain: (X, Y, Z) float32.
        mask: (X, Y, Z) bool.
        affine: (4, 4), index to millimetres.
    """

    brain: FloatArray
    mask: BoolArray
    affine: Matrix

    @property
    def sha256(self) -> str:
        """Of its content, which follows from nilearn's files and from how it resamples them."""
        found = hashlib.sha256(self.affine.tobytes())
        found.update(np.ascontiguousarray(self.brain).tobytes())
        found.update(np.ascontiguousarray(self.mask).tobytes())
        return found.hexdigest()

    @classmethod
    def load(cls, resolution_mm: int) -> Template:
        """The template at a resolution of 1 mm or more."""
        from nilearn.datasets import load_mni152_brain_mask, load_mni152_template

        brain = load_mni152_template(resolution=resolution_mm)
        mask = load_mni152_brain_mask(resolution=resolution_mm)
        return cls(
            np.asarray(brain.dataobj, dtype=np.float32),
            np.asarray(mask.dataobj) > 0,
            np.asarray(brain.affine, dtype=np.float64),
        )


def to_itk(array: npt.NDArray[Any], affine: Matrix) -> Any:  # noqa: ANN401
    """An image of ITK's from an array (X, Y, Z) and its affine in RAS."""
    sitk = library("SimpleITK", "a registration")
    lps = LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return image


def from_itk(image: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - SimpleITK has no types
    """(X, Y, Z), a copy."""
    sitk = library("SimpleITK", "a registration")
    return np.ascontiguousarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0))


def even_field(image: Any, mask: Any) -> Any:  # noqa: ANN401 - SimpleITK has no types
    """Divide the slow change of brightness out of an image (N4; Tustison et al., IEEE TMI 2010).

    The field is fitted at about `_N4_VOXEL_MM` and taken off at full resolution.

    Args:
        image: float32.
        mask: uint8, where the field is fitted.
    """
    sitk = library("SimpleITK", "a registration")
    factors = [max(1, round(_N4_VOXEL_MM / mm)) for mm in image.GetSpacing()]
    # N4 takes logarithms: values from 1 on.
    low = float(np.min(sitk.GetArrayViewFromImage(image)))
    lifted = sitk.Cast(image, sitk.sitkFloat32) - low + 1.0
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(_N4_ITERATIONS))
    n4.Execute(sitk.Shrink(lifted, factors), sitk.Shrink(mask, factors))
    field = sitk.Exp(sitk.Cast(n4.GetLogBiasFieldAsImage(lifted), sitk.sitkFloat32))
    return sitk.Cast(lifted / field + low - 1.0, sitk.sitkFloat32)


def align(moving: Any, template: Template, *, stripped: bool) -> Any:  # noqa: ANN401
    """An affine transform from the template's space to an image's, by mutual information.

    Args:
        moving: float32.
        template: of about 2 mm.
        stripped: whether the image has no skull; of one with a skull only what lies near the
            template's brain is compared.

    Returns:
        ITK's transform.
    """
    sitk = library("SimpleITK", "a registration")
    fixed = to_itk(template.brain, template.affine)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(_SHARE, _SEED)
    mask = to_itk(template.mask.astype(np.uint8), template.affine)
    method.SetMetricFixedMask(sitk.BinaryDilate(mask, [2 if stripped else 1] * 3))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-4, numberOfIterations=_ITERATIONS,
        gradientMagnitudeTolerance=1e-6,
    )  # fmt: skip
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(list(_SHRINK))
    method.SetSmoothingSigmasPerLevel(list(_SMOOTH_MM))
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    found = sitk.CenteredTransformInitializer(
        fixed, moving, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
    )
    method.SetInitialTransform(found, inPlace=False)
    rigid = sitk.Euler3DTransform(method.Execute(fixed, moving).GetBackTransform())
    start = sitk.AffineTransform(3)
    start.SetCenter(rigid.GetCenter())
    start.SetMatrix(rigid.GetMatrix())
    start.SetTranslation(rigid.GetTranslation())
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(fixed, moving)


def onto(image: Any, transform: Any, template: Template, *, label: bool) -> npt.NDArray[Any]:  # noqa: ANN401
    """An image on the template's grid: linear, labels by nearest neighbour; 0 outside."""
    sitk = library("SimpleITK", "a registration")
    grid = to_itk(template.mask.astype(np.uint8), template.affine)
    how = sitk.sitkNearestNeighbor if label else sitk.sitkLinear
    return from_itk(sitk.Resample(image, grid, transform, how, 0.0))


def dice(one: BoolArray, other: BoolArray) -> float:
    """Overlap of two masks, 0 to 1."""
    both = int(one.sum()) + int(other.sum())
    return 2 * float(np.count_nonzero(one & other)) / both if both else 1.0
