"""Baselines that learn nothing: what any method must beat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.classical.settings import IntensitySettings
from methods.shared.foreground import foreground


class Random:
    """Uniform noise, drawn from the seed and the bytes of the image: the chance level.

    The same image gets the same map and score wherever it stands.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._seed: int | None = None

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Remember the seed."""
        self._seed = run.seed

    def predict(self, images: Images) -> Prediction:
        """Draw a map and, independent of it, a score per image, uniform in [0, 1)."""
        if self._seed is None:
            raise MethodError("random has no seed yet; call fit or load first")
        count, _, rows, columns = images.images.shape
        maps = np.empty((count, rows, columns), dtype=np.float32)
        scores = np.empty(count, dtype=np.float32)
        for i, image in enumerate(images.images):
            digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
            words = np.frombuffer(digest, dtype="<u4").tolist()
            generator = np.random.default_rng([self._seed, *words])
            maps[i] = generator.random((rows, columns), dtype=np.float32)
            scores[i] = generator.random(dtype=np.float32)
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write the seed."""
        (folder / "random.json").write_text(json.dumps({"seed": self._seed}), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read the seed."""
        self._seed = json.loads((folder / "random.json").read_text(encoding="utf-8"))["seed"]


class Intensity:
    """The image itself is the map: mean over channels of its intensity.

    With ``anomalies = "dark"`` its negative. The image score is the 99th percentile of the map
    over the foreground: a lesion is small, so the mean would hardly notice it.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._sign = _sign(config)

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Learn nothing."""

    def predict(self, images: Images) -> Prediction:
        """Judge by intensity."""
        maps = self._sign * images.images.mean(axis=1, dtype=np.float32)
        return Prediction(maps, _high(maps, images.masks))

    def save(self, folder: Path) -> None:
        """Write nothing: there is no state."""

    def load(self, folder: Path) -> None:
        """Read nothing: there is no state."""


class Equalized(Intensity):
    """Intensity after histogram equalisation within the image's foreground.

    A pixel's value is the share of foreground pixels that are not above it (ties share one
    value), per channel, then averaged over channels; 0 outside the foreground. Equalised images
    all have one histogram, so an image score from the map would be constant: the score is that
    of `Intensity`.

    Source: Meissen, Kaissis, Rueckert 2022, "Challenging current semi-supervised anomaly
    segmentation methods for brain MRI" (there on whole FLAIR volumes, here per image, since a
    detector sees images one by one).
    """

    def predict(self, images: Images) -> Prediction:
        """Judge by rank within the foreground."""
        scores = super().predict(images).scores
        maps = np.stack(
            [
                equalize(self._sign * image, mask)
                for image, mask in zip(images.images, images.masks, strict=True)
            ]
        )
        return Prediction(maps, scores)


def equalize(image: FloatArray, mask: BoolArray) -> FloatArray:
    """Empirical distribution function of the foreground, at each of its pixels.

    Args:
        image: (C, H, W) float32.
        mask: (H, W) bool.

    Returns:
        (H, W) float32 in [0, 1]: mean over channels; 0 outside the mask.
    """
    result = np.zeros(mask.shape, dtype=np.float32)
    if mask.any():
        ranks = [
            np.searchsorted(np.sort(values), values, side="right") / values.size
            for values in image[:, mask]
        ]
        result[mask] = np.mean(ranks, axis=0)
    return result


def _sign(config: Mapping[str, Any]) -> np.float32:
    bright = IntensitySettings.model_validate(dict(config)).anomalies == "bright"
    return np.float32(1 if bright else -1)


def _high(maps: FloatArray, masks: BoolArray) -> FloatArray:
    pairs = zip(maps, masks, strict=True)
    return np.array([np.percentile(foreground(m, k), 99) for m, k in pairs], dtype=np.float32)
