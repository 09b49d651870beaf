"""Small PNG pictures of images, maps and masks."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from PIL import Image

from bench.report.figures.gallery import Shown

MOST_PIXELS = 128
"""Longest side; larger pictures would make a report of hundreds of cells too heavy."""

_LEVELS = 63  # map colours: more would look alike, and fewer take fewer bytes
_COLOURS = "viridis"
_OUTSIDE = (0, 0, 0)
_MASK = ((0, 0, 0), (96, 104, 112), (255, 176, 0))  # outside, foreground, lesion


def input_png(shown: Shown) -> bytes | None:
    """The input, grey from 0 to 1, the range that preparation gives; None without a preview."""
    if shown.input is None:
        return None
    grey = np.clip(_reduced(shown.input) * 255, 0, 255).astype(np.uint8)
    return _png(Image.fromarray(grey))


def map_png(shown: Shown, scale: tuple[float, float]) -> bytes:
    """The map in colour, black outside the foreground.

    Args:
        shown: whose map.
        scale: values that get the first and the last colour.
    """
    low, high = scale
    share = (_reduced(shown.map) - low) / ((high - low) or 1.0)
    level = 1 + np.round(np.clip(share, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
    return _indexed(np.where(_reduced(shown.inside), level, 0), _map_palette())


def mask_png(shown: Shown) -> bytes:
    """Black outside, grey in the foreground, orange where the truth says lesion."""
    level = _reduced(shown.inside).astype(np.uint8)
    if shown.lesion is not None:
        # A lesion must not vanish where the picture is smaller than the image.
        level[_reduced(shown.lesion, any_of=True)] = 2
    return _indexed(level, _MASK)


def colour_bar_png() -> bytes:
    """The map's colours from low to high, one pixel each."""
    return _indexed(np.arange(1, _LEVELS + 1, dtype=np.uint8)[None], _map_palette())


def _map_palette() -> tuple[tuple[int, int, int], ...]:
    colours = colormaps[_COLOURS](np.linspace(0, 1, _LEVELS), bytes=True)[:, :3]
    return (_OUTSIDE, *((int(r), int(g), int(b)) for r, g, b in colours))


def _reduced(picture: npt.NDArray[Any], *, any_of: bool = False) -> npt.NDArray[Any]:
    """At most `MOST_PIXELS` a side: means over square blocks, of truth values majorities."""
    block = -(-max(picture.shape) // MOST_PIXELS)
    if block == 1:
        return picture
    padded = np.pad(picture, [(0, -side % block) for side in picture.shape], mode="edge")
    rows, columns = (side // block for side in padded.shape)
    blocks = padded.reshape(rows, block, columns, block).astype(np.float32)
    means: npt.NDArray[Any] = blocks.mean(axis=(1, 3))
    if picture.dtype != np.bool_:
        return means
    return means > 0 if any_of else means >= 0.5


def _indexed(levels: npt.NDArray[Any], palette: tuple[tuple[int, int, int], ...]) -> bytes:
    image = Image.fromarray(levels.astype(np.uint8), mode="P")
    image.putpalette([part for colour in palette for part in colour])
    return _png(image)


def _png(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, format="png", optimize=True)
    return held.getvalue()
