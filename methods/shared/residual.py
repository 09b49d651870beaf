"""From an image and its reconstruction to a map of anomaly."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
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
        settings: kind of residual and smoothing.

    Returns:
        (H, W) float32, 0 or more.
    """
    if settings.residual == "ssim":
        # The window of 11 pixels with sigma 1.5 is that of Wang et al. 2004.
        _, similarity = structural_similarity(  # type: ignore[no-untyped-call]
            image,
            rebuilt,
            data_range=1.0,
            channel_axis=0,
            gaussian_weights=True,
            use_sample_covariance=False,
            full=True,
        )
        difference = 1 - similarity
    elif settings.residual == "squared":
        difference = (image - rebuilt) ** 2
    elif settings.residual == "signed":
        signed = np.where(mask, image - rebuilt, 0)
        parts = [smoothed(channel, mask, settings.smoothing) for channel in signed]
        unsigned: FloatArray = np.abs(parts).mean(axis=0)
        return unsigned
    else:
        difference = np.abs(image - rebuilt)
    return smoothed(np.where(mask, difference.mean(axis=0), 0), mask, settings.smoothing)


def smoothed(scores: FloatArray, mask: BoolArray, smoothing: float) -> FloatArray:
    """Smooth a map within the foreground only, so that its rim is not dimmed.

    Args:
        scores: (H, W), 0 outside the mask.
        mask: (H, W) bool.
        smoothing: standard deviation as a share of the image's side.

    Returns:
        (H, W) float32, 0 outside the mask.
    """
    if smoothing == 0:
        return scores.astype(np.float32)
    sigma = smoothing * max(scores.shape)
    weight = gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    blurred = gaussian_filter(scores.astype(np.float64), sigma, mode="constant")
    result = np.zeros(scores.shape, dtype=np.float32)
    result[mask] = blurred[mask] / weight[mask]
    return result
