"""What cannot be registered is said in plain words, before or instead of what ITK says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.data.arrays import BoolArray
from bench.data.read.volumes import Volume
from bench.data.register.affine import Template, onto, to_itk
from bench.errors import DataError, counted

# ITK smooths along each axis, which takes four voxels.
_FEWEST_VOXELS = 4
# No head is longer; metres or centimetres taken for millimetres, or a whole body, are.
_LONGEST_MM = 1000.0
# A tenth of a newborn's brain.
_LEAST_ML = 30.0
_LEAST_COVERED = 0.5


def require_head(volumes: Mapping[str, Volume]) -> None:
    """Refuse volumes that cannot hold a head.

    Args:
        volumes: by modality.

    Raises:
        DataError: too few voxels along an axis, or too long in millimetres.
    """
    for one in volumes.values():
        if min(one.shape) < _FEWEST_VOXELS:
            raise DataError(
                f"{one.path} has {' x '.join(map(str, one.shape))} voxels, expected"
                f" {_FEWEST_VOXELS} or more along each axis",
                hint="register whole volumes, not single slices",
            )
        spans = one.voxel_mm * one.shape
        if spans.max() > _LONGEST_MM:
            raise DataError(
                f"{one.path} spans {' x '.join(f'{mm:.0f}' for mm in spans)} mm, expected a head",
                hint="check the size of its voxels in the header",
            )


def require_brain(first: Volume, own: BoolArray | None, source: str) -> None:
    """Refuse an image without contrast, and a mask that cannot be a brain.

    Args:
        first: the image that is aligned.
        own: (X, Y, Z) bool, its brain mask; None where it has none.
        source: where the mask comes from, for messages.

    Raises:
        DataError: naming the value, or the mask's volume.
    """
    if own is not None:
        voxels = int(np.count_nonzero(own))
        ml = voxels * abs(float(np.linalg.det(first.affine[:3, :3]))) / 1000
        if ml < _LEAST_ML:
            raise DataError(
                f"the brain mask ({source}) of {first.path} has {counted(voxels, 'voxel')}, "
                f"{ml:.3g} ml; expected a brain, {_LEAST_ML:g} ml or more",
                hint="make the mask again, or correct its header",
            )
    values = first.data if own is None else first.data[own]
    if values.min() == values.max():
        raise DataError(
            f"{first.path} is {float(values.min()):g} everywhere in its brain, expected an image",
            hint="check that the file is an image and no mask",
        )


def require_covered(
    one: Volume,
    first: Volume,
    transform: Any,  # noqa: ANN401 - SimpleITK has no types
    template: Template,
    mask: BoolArray,
) -> None:
    """Refuse an image that does not reach the brain: it would be empty there.

    Args:
        one: the image, of any modality.
        first: the one that was aligned.
        transform: from the template's space to the subject's.
        template: of the result.
        mask: (X, Y, Z) bool, the brain on the template's grid.

    Raises:
        DataError: the mask is empty, or less than half of it is within the image's grid.
    """
    if not mask.any():
        raise DataError(
            f"nothing of the brain of {first.path} lies where the template is: it was not found",
            hint="look at the image and its brain mask with `bench data show`",
        )
    grid = to_itk(np.ones(one.shape, np.uint8), one.affine)
    covered = float((onto(grid, transform, template, label=True) > 0)[mask].mean())
    if covered < _LEAST_COVERED:
        other = "" if one.path == first.path else f", by the header of {first.path}"
        raise DataError(
            f"{one.path} covers {100 * covered:.0f} % of the brain{other}; expected at least"
            f" {100 * _LEAST_COVERED:.0f} %",
            hint="check that the headers of a subject's images are of one space",
        )
