"""A convolutional autoencoder with a spatial bottleneck and no skip connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from bench.detector import BoolArray, NormalImages, Run
from methods.autoencoders.settings import AutoencoderSettings
from methods.shared.blocks import AutoencoderNetwork
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train


class Autoencoder(Reconstruction[AutoencoderNetwork]):
    """Rebuilds normal images; what it cannot rebuild is anomalous.

    The map is the residual (see `residual_map`), the score the mean of its size over the
    foreground.

    Source: the plain baseline of Baur et al. 2021, "Autoencoders for unsupervised anomaly
    segmentation in brain MR images: a comparative study" (spatial autoencoder); layers and
    schedule are ours.

    Args:
        config: `AutoencoderSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = AutoencoderSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> AutoencoderNetwork:
        return AutoencoderNetwork(shape["channels"], shape["width"], self._settings.depth).eval()

    def _train(self, network: AutoencoderNetwork, normal: NormalImages, run: Run) -> None:
        distance = F.l1_loss if self._settings.loss == "l1" else F.mse_loss

        def loss(step: Step) -> Tensor:
            return distance(network(step.batch["images"]), step.batch["images"])

        player = Player("reconstruction", network, loss, self._settings.learning_rate)
        train([player], {"images": normal.images}, run, steps=run.budget.steps, note="train")

    def _rebuild(self, network: AutoencoderNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        return Rebuilt(network(images))
