"""A convolutional autoencoder with a spatial bottleneck and no skip connections."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.detector import Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.blocks import Autoencoder as Network
from methods.blocks import placed
from methods.foreground import mean_score
from methods.inference import batches
from methods.residual import residual_map
from methods.settings import AutoencoderSettings
from methods.training import Player, Step, train
from methods.weights import count_parameters, load_network, save_network


class Autoencoder:
    """Rebuilds normal images; what it cannot rebuild is anomalous.

    The map is the residual (see `residual_map`), the score its mean over the foreground.

    Source: the plain baseline of Baur et al. 2021, "Autoencoders for unsupervised anomaly
    segmentation in brain MR images: a comparative study" (spatial autoencoder); layers and
    schedule are ours.

    Args:
        config: `AutoencoderSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = AutoencoderSettings.model_validate(dict(config))
        self._network: Network | None = None
        self._shape: dict[str, int] = {}

    @property
    def n_parameters(self) -> int | None:
        """Trainable numbers; None before `fit` or `load`."""
        return count_parameters(self._network)

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Train for ``budget.steps`` steps at ``budget.width``."""
        self._shape = {"channels": normal.images.shape[1], "width": run.budget.width}
        network = self._network = self._build(self._shape)
        distance = F.l1_loss if self._settings.loss == "l1" else F.mse_loss

        def loss(step: Step) -> Tensor:
            return distance(network(step.batch["images"]), step.batch["images"])

        player = Player("reconstruction", network, loss, self._settings.learning_rate)
        train([player], {"images": normal.images}, run, steps=run.budget.steps, note="train")

    @torch.inference_mode()
    def predict(self, images: Images) -> Prediction:
        """Rebuild and compare."""
        if self._network is None:
            raise MethodError("ae has no network yet; call fit or load first")
        network = placed(self._network, images.device)
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for where, batch in batches(images):
            rebuilt = network(batch).cpu().numpy()
            for i, one in enumerate(rebuilt, start=where.start):
                mask = images.masks[i]
                maps[i] = residual_map(images.images[i], one, mask, self._settings)
                scores[i] = mean_score(maps[i], mask)
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write weights and shape."""
        if self._network is None:
            raise MethodError("ae has no network yet; call fit or load first")
        save_network(folder, self._network, self._shape)

    def load(self, folder: Path) -> None:
        """Read weights and shape."""
        self._network, self._shape = load_network(folder, self._build)

    def _build(self, shape: dict[str, int]) -> Network:
        return Network(shape["channels"], shape["width"], self._settings.depth).eval()
