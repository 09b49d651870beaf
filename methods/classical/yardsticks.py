"""Yardsticks: what an image tells without any knowledge of anomalies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.detector import (
    BoolArray,
    FloatArray,
    Images,
    NormalImages,
    Prediction,
    Run,
    Skip,
)
from bench.errors import MethodError
from methods.shared.foreground import foreground, mean_score
from methods.shared.residual import signed_size

DARK = 0.1  # of intensities from 0 to 1
SMALLEST_SD = 1e-3  # normal images may all be alike in a number


class _Stateless:
    """Learns nothing and keeps nothing."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """There are no settings."""

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Learn nothing."""

    def save(self, folder: Path) -> None:
        """Write nothing: there is no state."""

    def load(self, folder: Path) -> None:
        """Read nothing: there is no state."""


class Constant(_Stateless):
    """The difference from a constant: from the median of the image's own foreground.

    What a reconstruction that knows nothing but one number per image would give. The map is
    signed; of several channels it is the mean size with the sign of the mean. The image score is
    the mean size over the foreground.
    """

    def predict(self, images: Images) -> Prediction:
        """Subtract each image's median, per channel."""
        maps = np.zeros(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
            middle = np.median(foreground(image, mask), axis=-1)
            maps[i] = np.where(mask, signed_size(image - middle[:, None, None]), 0)
            scores[i] = mean_score(np.abs(maps[i]), mask)
        return Prediction(maps, scores, signed=True)


class Area(_Stateless):
    """The share of the image that is foreground, as its score; no map.

    Slices with lesions tend to be large ones: so much of an image AUROC says nothing of lesions.
    """

    def predict(self, images: Images) -> Prediction:
        """Count foreground pixels."""
        return Prediction(None, images.masks.mean(axis=(1, 2), dtype=np.float64).astype(np.float32))


class Position(_Stateless):
    """How near a slice is to the middle of its stack, as its score; no map.

    Single images have no position, so their tasks are skipped.
    """

    def predict(self, images: Images) -> Prediction:
        """Score 0 in the middle of the stack and -1 at its ends."""
        if images.positions is None:
            raise Skip("position needs slices of a volume; these are single images")
        return Prediction(None, -np.abs(images.positions))


class Statistics:
    """How unusual four numbers of an image are: mean, sd, gradient, share of dark pixels; no map.

    All are taken over the foreground of the mean over channels; the gradient is the mean size of
    the central differences, dark is what is below 0.1. The score is the root mean square of
    their distances from the normal images' means, in standard deviations of these.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._normal: dict[str, FloatArray] = {}

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Learn mean and standard deviation of the four numbers."""
        if not len(normal):
            raise MethodError("there are no normal images to learn from")
        pairs = zip(normal.images, normal.masks, strict=True)
        found = np.stack([numbers_of(image, mask) for image, mask in pairs])
        sd = np.maximum(found.std(axis=0), np.float32(SMALLEST_SD))
        self._normal = {"mean": found.mean(axis=0), "sd": sd}

    def predict(self, images: Images) -> Prediction:
        """Compare each image's numbers with those of normal images."""
        if not self._normal:
            raise MethodError("statistics has no normal numbers yet; call fit or load first")
        mean, sd = self._normal["mean"], self._normal["sd"]
        scores = np.empty(len(images), dtype=np.float32)
        for i, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
            z = (numbers_of(image, mask) - mean) / sd
            scores[i] = np.sqrt(np.mean(z**2))
        return Prediction(None, scores)

    def save(self, folder: Path) -> None:
        """Write the normal numbers."""
        if not self._normal:
            raise MethodError("statistics has no normal numbers yet; call fit or load first")
        with (folder / "numbers.npz").open("wb") as handle:
            np.savez(handle, **self._normal)  # type: ignore[arg-type]

    def load(self, folder: Path) -> None:
        """Read the normal numbers."""
        with np.load(folder / "numbers.npz", allow_pickle=False) as kept:
            self._normal = {name: kept[name] for name in kept.files}


def numbers_of(image: FloatArray, mask: BoolArray) -> FloatArray:
    """Mean, standard deviation, mean gradient and share of dark pixels, (4,) float32.

    Args:
        image: (C, H, W) float32.
        mask: (H, W) bool; where it is empty the whole image counts.
    """
    grey = image.mean(axis=0, dtype=np.float64)
    gradient = np.hypot(*np.gradient(grey))
    values, slopes = (foreground(one, mask) for one in (grey, gradient))
    numbers = [values.mean(), values.std(), slopes.mean(), (values < DARK).mean()]
    return np.array(numbers, dtype=np.float32)
