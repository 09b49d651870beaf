"""Run a method of your own beside a built-in one.

    python examples/own_method.py

A method is a class with four methods and a card. This one calls anomalous what is much brighter or
much darker than normal foreground is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import bench


class FarFromUsual:
    """Distance of a pixel's intensity from the middle of all normal foreground pixels."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.quantile = config["quantile"]
        self.middle = 0.0

    def fit(self, normal: bench.NormalImages, run: bench.Run) -> None:
        """Learn the middle."""
        values = np.moveaxis(normal.images, 1, -1)[normal.masks]
        self.middle = float(np.quantile(values, self.quantile))

    def predict(self, images: bench.Images) -> bench.Prediction:
        """Judge each image alone; raw, since clipping or rescaling would lose the ranking."""
        distance = np.abs(images.images - self.middle).max(axis=1)
        maps = np.where(images.masks, distance, 0).astype(np.float32)
        return bench.Prediction(maps, scores=maps.max(axis=(1, 2)))

    def save(self, folder: Path) -> None:
        """Write the middle."""
        (folder / "middle.json").write_text(json.dumps(self.middle))

    def load(self, folder: Path) -> None:
        """Read the middle."""
        self.middle = json.loads((folder / "middle.json").read_text())


CARD = bench.MethodCard.model_validate(
    {
        "name": "far-from-usual",
        "title": "Far from usual",
        "class": "own_method:FarFromUsual",  # this file, as the workers import it
        "version": 1,  # raise it whenever the numbers change
        "family": "classical",
        "description": "Distance from a quantile of the normal foreground.",
        "deterministic": True,
        "config": {"quantile": 0.5},
    }
)

# Workers import this file again: what starts them must stand behind this line.
if __name__ == "__main__":
    records = bench.run([CARD, "intensity"], task="phantom/glioma-t2", budget="smoke")
    for record in records:
        numbers = record.protocols["pixel-pooled@1"]
        print(f"{record.method}: AP {numbers.metrics['ap']:.3f}, chance {numbers.prevalence:.3f}")
