"""Pseudo anomalies: patches of an image, pasted on a proxy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.detector import FloatArray
from methods.proxyano.config import ProxyAnoSettings


def paste(
    proxies: Tensor,
    images: Tensor,
    masks: Tensor,
    generator: np.random.Generator,
    settings: ProxyAnoSettings,
) -> Tensor:
    """Paste crops of images at other places of proxies, within the foreground.

    Each proxy gets 0 to ``paste_count`` crops. A crop is an ellipse whose edge fades out. It is
    made brighter or darker as a whole: times exp(U), plus V, with U uniform within
    ``paste_gain`` and V within ``paste_offset`` of 0. A crop and its new place are both centred
    on a foreground pixel, moved as far as needed to be within the image; only foreground pixels
    change, so that a head keeps its outline. The target of the reconstruction stays the clean
    image: nothing that is passed in is changed.

    Args:
        proxies: (B, C, H, W), true or predicted.
        images: (B, C, H, W), what is cropped; foreground about 0 to 1.
        masks: (B, H, W) bool.
        generator: draws number, size, places, gain and offset.
        settings: their ranges, and the source.

    Returns:
        (B, C, H, W), a copy of `proxies` with the patches; it has their gradient.
    """
    foregrounds = masks.cpu().numpy()
    inside = [np.flatnonzero(foreground) for foreground in foregrounds]
    crops = images.detach().float().cpu().numpy()
    # All patches are laid over each other first, in NumPy: so many small steps are slow in torch.
    kept, added = np.ones(foregrounds.shape, np.float32), np.zeros_like(crops)
    count, *side = foregrounds.shape
    numbers = generator.integers(0, settings.paste_count + 1, size=len(images))
    for i, number in enumerate(numbers):
        origin = (i + 1) % count if settings.paste_source == "another" else i
        for _ in range(number):
            share = generator.uniform(settings.paste_smallest, settings.paste_largest, size=2)
            size = np.maximum(1, np.rint(share * side)).astype(int)
            source = _window(inside[origin], side, size, generator)
            target = _window(inside[i], side, size, generator)
            gain = np.exp(settings.paste_gain * generator.uniform(-1, 1), dtype=np.float32)
            offset = np.float32(settings.paste_offset * generator.uniform(-1, 1))
            opacity = ellipse(int(size[0]), int(size[1]), settings.paste_feather)
            opacity *= foregrounds[(i, *target)] & foregrounds[(origin, *source)]
            kept[(i, *target)] *= 1 - opacity
            area = added[(i, slice(None), *target)]
            area *= 1 - opacity
            area += opacity * (gain * crops[(origin, slice(None), *source)] + offset)
    clear, patches = (
        torch.from_numpy(one).to(proxies.device, memory_format=torch.channels_last)
        for one in (kept[:, None], added)
    )
    return proxies * clear + patches


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
    chosen = generator.choice(inside) if inside.size else generator.integers(side[0] * side[1])
    centre = np.array(np.unravel_index(chosen, side))
    top, left = np.clip(centre - size // 2, 0, side - size)
    return slice(top, top + size[0]), slice(left, left + size[1])
