"""The base of all methods that rebuild images: one network, its files, and residual maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.shared.blocks import placed
from methods.shared.foreground import mean_score
from methods.shared.inference import batches
from methods.shared.residual import residual_map
from methods.shared.settings import ResidualSettings
from methods.shared.weights import count_parameters, load_network, save_network

N = TypeVar("N", bound=nn.Module)


class Rebuilt(NamedTuple):
    """What a network makes of a batch.

    Attributes:
        images: (B, C, H, W), the reconstructions.
        scores: (B,), a score of the method's own for each image; None: the mean size of its map
            over the foreground.
    """

    images: Tensor
    scores: Tensor | None = None


class Reconstruction(ABC, Generic[N]):
    """A detector that rebuilds images and judges them by the residual.

    A method says how its network is built, trained and used to rebuild. The map is the residual
    (see `residual_map`), the score the mean of its size over the foreground or the method's own.

    Args:
        residual: kind of residual.
    """

    def __init__(self, residual: ResidualSettings) -> None:
        self._residual = residual
        self._network: N | None = None
        self._shape: dict[str, int] = {}

    @property
    def n_parameters(self) -> int | None:
        """Trainable numbers; None before `fit` or `load`."""
        return count_parameters(self._network)

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Train for ``budget.steps`` steps at ``budget.width``."""
        _, channels, rows, columns = normal.images.shape
        width = run.budget.width
        self._shape = {"channels": channels, "width": width, "rows": rows, "columns": columns}
        self._network = self._build(self._shape)
        self._train(self._network, normal, run)

    @torch.inference_mode()
    def predict(self, images: Images) -> Prediction:
        """Rebuild and compare."""
        network = placed(self._fitted(), images.device)
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for where, batch in batches(images):
            rebuilt = self._rebuild(network, batch, images.masks[where])
            for i, one in enumerate(rebuilt.images.cpu().numpy(), start=where.start):
                mask = images.masks[i]
                maps[i] = self._map(images.images[i], one, mask)
                scores[i] = mean_score(np.abs(maps[i]), mask)
            if rebuilt.scores is not None:
                scores[where] = rebuilt.scores.cpu().numpy()
        return Prediction(maps, scores, signed=self._residual.signed)

    @torch.inference_mode()
    def reconstructions(self, images: Images) -> FloatArray:
        """What the network makes of the images, (N, C, H, W) float32; see `Reconstructs`."""
        network = placed(self._fitted(), images.device)
        found = np.empty(images.images.shape, dtype=np.float32)
        for where, batch in batches(images):
            found[where] = self._rebuild(network, batch, images.masks[where]).images.cpu().numpy()
        return found

    def save(self, folder: Path) -> None:
        """Write weights and shape."""
        save_network(folder, self._fitted(), self._shape)

    def load(self, folder: Path) -> None:
        """Read weights and shape."""
        self._network, self._shape = load_network(folder, self._build)

    def _fitted(self) -> N:
        if self._network is None:
            name = type(self).__name__
            raise MethodError(f"{name} has no network yet; call fit or load first")
        return self._network

    def _map(self, image: FloatArray, rebuilt: FloatArray, mask: BoolArray) -> FloatArray:
        """The map of one image, (C, H, W), and its reconstruction; (H, W), 0 outside the mask."""
        return residual_map(image, rebuilt, mask, self._residual)

    @abstractmethod
    def _build(self, shape: dict[str, int]) -> N:
        """The untrained network for images of ``channels``, ``rows`` and ``columns``."""

    @abstractmethod
    def _train(self, network: N, normal: NormalImages, run: Run) -> None:
        """Train it, and leave it ready to predict."""

    @abstractmethod
    def _rebuild(self, network: N, images: Tensor, masks: BoolArray) -> Rebuilt:
        """Rebuild a batch; the same every time.

        Args:
            network: trained, on the device of the images.
            images: (B, C, H, W) float32.
            masks: (B, H, W) bool, on the CPU, for methods that look at the foreground alone.
        """
