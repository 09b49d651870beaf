"""Pseudo anomalies: patches of an image, pasted on a proxy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.detector import FloatArray
from methods.proxyano.config import ProxyAnoSettings
from methods.shared.noise import coarse_noise

NOISE_CELLS = 16
"""Cells of the patches' noise along the image's longer side, as in `methods.autoencoders.dae`."""

ASPECT = 0.4
"""A side of a patch is its size times e to a power between minus this and this."""


def paste(
    proxies: Tensor,
    images: Tensor,
    masks: Tensor,
    generator: np.random.Generator,
    settings: ProxyAnoSettings,
) -> Tensor:
    """Paste crops of images at other places of proxies, within the foreground.

    Each proxy gets 1 to ``paste_count`` crops. A crop is an ellipse whose edge fades out. Sizes are
    uniform in their logarithm, so that small patches are as common as large ones; one larger than
    the image is cut to it. A crop is made abnormal as a whole: times exp(U), plus V, with U uniform
    within ``paste_gain`` and V within ``paste_offset`` of 0, plus coarse noise; and it is opaque to
    a share drawn between ``paste_opacity`` and 1. A share of ``paste_in_place`` stay where they
    were cropped: they are abnormal by that alone. The others are abnormal by their place too. A
    crop and its place are both centred on a foreground pixel, moved as far as needed to be within
    the image; only foreground pixels change, so that a head keeps its outline. The target of the
    reconstruction stays the clean image: nothing that is passed in is changed.

    Args:
        proxies: (B, C, H, W), true or predicted.
        images: (B, C, H, W), what is cropped; foreground about 0 to 1.
        masks: (B, H, W) bool.
        generator: draws number, sizes, places, gain, offset and opacity; noise is torch's own.
        settings: their ranges, and the source.

    Returns:
        (B, C, H, W), a copy of `proxies` with the patches; it has their gradient.
    """
    foregrounds = masks.cpu().numpy()
    inside = [np.flatnonzero(foreground) for foreground in foregrounds]
    crops = images.detach().float().cpu().numpy()
    # All patches are laid over each other first, in NumPy: so many small steps are slow in torch.
    kept, added = np.ones(foregrounds.shape, np.float32), np.zeros_like(crops)
    count, *grid = foregrounds.shape
    noise = coarse_noise(images, masks, settings.paste_noise, NOISE_CELLS).cpu().numpy()
    numbers = generator.integers(
        min(1, settings.paste_count), settings.paste_count + 1, len(images)
    )
    for i, number in enumerate(numbers):
        origin = (i + 1) % count if settings.paste_source == "another" else i
        for _ in range(number):
            size = _size(settings, grid, generator)
            target = _window(inside[i], grid, size, generator)
            source = target
            if generator.random() >= settings.paste_in_place:
                source = _window(inside[origin], grid, size, generator)
            gain = np.exp(settings.paste_gain * generator.uniform(-1, 1), dtype=np.float32)
            offset = np.float32(settings.paste_offset * generator.uniform(-1, 1))
            opacity = ellipse(int(size[0]), int(size[1]), settings.paste_feather)
            opacity *= np.float32(generator.uniform(settings.paste_opacity, 1))
            opacity *= foregrounds[(i, *target)] & foregrounds[(origin, *source)]
            kept[(i, *target)] *= 1 - opacity
            area = added[(i, slice(None), *target)]
            area *= 1 - opacity
            crop = gain * crops[(origin, slice(None), *source)] + offset
            area += opacity * (crop + noise[(i, slice(None), *target)])
    clear, patches = (
        torch.from_numpy(one).to(proxies.device, memory_format=torch.channels_last)
        for one in (kept[:, None], added)
    )
    return proxies * clear + patches


def _size(
    settings: ProxyAnoSettings, grid: list[int], generator: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Rows and columns of a patch, at least 1 and at most those of the grid."""
    ends = settings.paste_smallest, settings.paste_largest
    shares = np.exp(generator.uniform(*np.log(ends)) + generator.uniform(-ASPECT, ASPECT, size=2))
    wanted = np.rint(np.clip(shares, *ends) * max(grid)).astype(np.intp)
    size: npt.NDArray[np.intp] = np.clip(wanted, 1, grid)
    return size


def ellipse(rows: int, columns: int, feather: float) -> FloatArray:
    """How opaque each pixel of a patch is.

    Args:
        rows: of the patch.
        columns: of the patch.
        feather: share of the radius along which opacity falls from 1 to 0; 0: a hard edge.

    Returns:
        (rows, columns) float32, 0 to 1: that of the ellipse which touches the four sides.
    """
    y = (np.arange(rows) - (rows - 1) / 2) / (rows / 2)
    x = (np.arange(columns) - (columns - 1) / 2) / (columns / 2)
    inwards = 1 - np.hypot(y[:, None], x)
    opacity: FloatArray = np.where(inwards >= feather, 1, inwards / (feather or 1)).clip(0, 1)
    return opacity.astype(np.float32)


def _window(
    inside: npt.NDArray[np.intp], side: list[int], size: np.ndarray, generator: np.random.Generator
) -> tuple[slice, slice]:
    """A window of a size around a random foreground pixel (any pixel where there is none)."""
    at = generator.integers(len(inside) or side[0] * side[1])
    chosen = inside[at] if inside.size else at
    centre = np.array(np.unravel_index(chosen, side))
    top, left = np.clip(centre - size // 2, 0, side - size)
    return slice(top, top + size[0]), slice(left, left + size[1])
