"""Pictures and curves of a cell that was never run."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from bench.report.figures.views import CellView, GalleryPicture


def png(seed: int) -> bytes:
    held = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(held, format="png")
    return held.getvalue()


def a_view(seed: int, key: str = "k") -> CellView:
    pictures = tuple(
        GalleryPicture(place, f"p{at}", 0.5 - at / 10, 3, 9, png(at), png(seed + at), png(at + 3))
        for at, place in enumerate(("best", "median", "worst"))
    )
    return CellView(
        key, roc=((0, 0), (0.2, 0.7), (1, 1)), pr=((0.2, 0.4), (1, 0.02)), pictures=pictures
    )
