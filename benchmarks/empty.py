"""A method that learns nothing and marks nothing: what is left is what bench itself costs."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench.detector import Images, NormalImages, Prediction, Run


class Empty:
    """Zero everywhere.

    Its one setting changes nothing; each of its values is a fit of its own.
    """

    CONFIG: ClassVar[dict[str, Any]] = {"number": 0}

    def __init__(self, config: dict[str, Any]) -> None:
        self.number = config["number"]

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Learn nothing."""

    def predict(self, images: Images) -> Prediction:
        """Nothing is anomalous."""
        maps = np.zeros(images.masks.shape, dtype=np.float32)
        return Prediction(maps, scores=np.zeros(len(maps), dtype=np.float32))

    def save(self, folder: Path) -> None:
        """A fit must leave a file."""
        (folder / "empty.json").write_text("{}")

    def load(self, folder: Path) -> None:
        """Nothing was learned."""
