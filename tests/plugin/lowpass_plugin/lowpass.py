"""The detector."""

from __future__ import annotations

import json

import numpy as np

from bench.detector import Images, NormalImages, Prediction, Run

from .filters import smoothed  # noqa: TID252 - as others write


class LowPass:
    """Distance of a smoothed image to the mean of the smoothed normal images."""

    def __init__(self, config):
        self.width = int(config["width"])
        self.mean = None

    def fit(self, normal: NormalImages, run: Run) -> None:
        total = np.zeros(normal.images.shape[1:], dtype=np.float64)
        for image in normal.images:
            total += smoothed(image, self.width)
        self.mean = (total / len(normal)).astype(np.float32)

    def predict(self, images: Images) -> Prediction:
        maps = np.stack(
            [
                np.abs(smoothed(image, self.width) - self.mean).mean(axis=0)
                for image in images.images
            ]
        )
        maps[~images.masks] = 0
        scores = np.array([one.max() for one in maps], dtype=np.float32)
        return Prediction(maps.astype(np.float32), scores)

    def explain(self, images: Images) -> dict[str, np.ndarray]:
        return {"smoothed": np.stack([smoothed(one, self.width) for one in images.images])}

    def save(self, folder) -> None:
        np.savez(folder / "mean.npz", mean=self.mean)
        (folder / "about.json").write_text(json.dumps({"width": self.width}))

    def load(self, folder) -> None:
        with np.load(folder / "mean.npz", allow_pickle=False) as kept:
            self.mean = kept["mean"]
