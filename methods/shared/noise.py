"""Noise that training adds to images."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def coarse_noise(images: Tensor, masks: Tensor, sd: float, cells: int) -> Tensor:
    """Noise that is drawn on a coarse grid, enlarged, placed at random and cut to the foreground.

    Args:
        images: (B, C, H, W), for shape and device.
        masks: (B, H, W) bool.
        sd: standard deviation at the nodes of the grid; between them it is less.
        cells: cells of the grid along the longer side.

    Returns:
        (B, C, H, W) float32, independent in each image and channel, 0 outside the masks.

    Source: Kascenas et al. 2022 (16 cells for 128 pixels, sd 0.2, bilinear, translated).
    """
    count, channels, *sides = images.shape
    cell = max(sides) / cells
    nodes = [math.ceil(side / cell) + 2 for side in sides]
    enlarged = [round((number - 1) * cell) + 1 for number in nodes]
    noise = sd * torch.randn(count, channels, *nodes, device=images.device)
    noise = F.interpolate(noise, size=enlarged, mode="bilinear", align_corners=True)
    # One cell more than needed, so that nodes may fall on any pixel.
    for dim, (long, side) in enumerate(zip(enlarged, sides, strict=True), start=2):
        start = int(torch.randint(long - side + 1, ()))
        noise = noise.narrow(dim, start, side)
    return noise * masks[:, None]
