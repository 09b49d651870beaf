"""Pseudo anomalies: patches of an image, pasted on a proxy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from methods.proxyano.config import ProxyAnoSettings


def paste(
    proxies: Tensor,
    images: Tensor,
    masks: Tensor,
    generator: np.random.Generator,
    settings: ProxyAnoSettings,
) -> Tensor:
    """Paste crops of images at other places of proxies, within the foreground.

    Each proxy gets 0 to ``paste_count`` crops. A crop and its new place are both centred on a
    foreground pixel, moved as far as needed to be within the image; only foreground pixels
    change, so that a head keeps its outline. The target of the reconstruction stays the clean
    image: nothing that is passed in is changed.

    Args:
        proxies: (B, C, H, W), true or predicted.
        images: (B, C, H, W), what is cropped.
        masks: (B, H, W) bool.
        generator: draws number, size and places.
        settings: number, size and source.

    Returns:
        (B, C, H, W), a copy of `proxies` with the patches.
    """
    pasted = proxies.clone(memory_format=torch.preserve_format)
    foregrounds = masks.cpu().numpy()
    count, side = len(images), np.array(images.shape[-2:])
    for i, number in enumerate(generator.integers(0, settings.paste_count + 1, size=count)):
        origin = (i + 1) % count if settings.paste_source == "another" else i
        for _ in range(number):
            share = generator.uniform(settings.paste_smallest, settings.paste_largest, size=2)
            size = np.maximum(1, np.rint(share * side)).astype(int)
            source = _window(foregrounds[origin], size, generator)
            target = _window(foregrounds[i], size, generator)
            visible = masks[(i, *target)] & masks[(origin, *source)]
            area = pasted[(i, slice(None), *target)]
            crop = images[(origin, slice(None), *source)].to(area.dtype)
            area.copy_(torch.where(visible, crop, area))
    return pasted


def _window(
    foreground: np.ndarray, size: np.ndarray, generator: np.random.Generator
) -> tuple[slice, slice]:
    """A window of a size around a random foreground pixel (any pixel where there is none)."""
    flat = np.flatnonzero(foreground)
    chosen = generator.choice(flat) if flat.size else generator.integers(foreground.size)
    centre = np.array(np.unravel_index(chosen, foreground.shape))
    top, left = np.clip(centre - size // 2, 0, np.array(foreground.shape) - size)
    return slice(top, top + size[0]), slice(left, left + size[1])
