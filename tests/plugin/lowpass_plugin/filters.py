"""A helper in a file of its own: its source counts too."""

import numpy as np
from scipy.ndimage import uniform_filter


def smoothed(image, width):
    """Mean over a square of `width` pixels; of an image (C, H, W)."""
    return np.stack([uniform_filter(channel, width, mode="nearest") for channel in image])
