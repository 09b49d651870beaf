"""From an image and its reconstruction to a map of anomaly."""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

from bench.detector import BoolArray, FloatArray
from methods.shared.settings import ResidualSettings


def residual_map(
    image: FloatArray, rebuilt: FloatArray, mask: BoolArray, settings: ResidualSettings
) -> FloatArray:
    """How far one image is from its reconstruction, per pixel.

    Args:
        image: (C, H, W) float32.
        rebuilt: (C, H, W) float32.
        mask: (H, W) bool; the map is 0 outside.
        settings: kind of residual.

    Returns:
        (H, W) float32; with a sign where ``settings.signed``, else 0 or more.
    """
    if settings.residual == "ssim":
        difference = dissimilarity(image, rebuilt).mean(axis=0)
    elif settings.residual == "squared":
        difference = ((image - rebuilt) ** 2).mean(axis=0)
    else:
        difference = signed_size(image - rebuilt)
    inside: FloatArray = np.where(mask, difference, 0).astype(np.float32)
    return inside


def signed_size(differences: FloatArray) -> FloatArray:
    """Mean size of differences (C, H, W) over channels with the sign of their mean, (H, W).

    Of a single channel the difference itself. So the absolute value is the mean absolute
    difference whatever the channels' signs, and smoothing still cancels what changes sign from
    pixel to pixel in all channels.
    """
    size: FloatArray = np.copysign(np.abs(differences).mean(axis=0), differences.mean(axis=0))
    return size


def dissimilarity(image: FloatArray, rebuilt: FloatArray) -> FloatArray:
    """One minus the local structural similarity, (C, H, W) as the images.

    Source: Wang et al. 2004: a Gaussian window of 11 pixels with sigma 1.5.
    """
    _, similarity = structural_similarity(  # type: ignore[no-untyped-call]
        image,
        rebuilt,
        data_range=1.0,
        channel_axis=0,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    result: FloatArray = 1 - similarity
    return result
