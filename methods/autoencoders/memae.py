"""An autoencoder that rebuilds from a memory of normal features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import BoolArray, NormalImages, Run
from methods.autoencoders.settings import MemAeSettings
from methods.shared.blocks import Decoder, Encoder, level_channels
from methods.shared.memory import Memory, Recall, entropy
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train


class MemAeNetwork(nn.Module):
    """Encoder, memory, decoder: only what the memory holds reaches the decoder.

    Args:
        channels: of the image.
        width: channels after the first halving.
        settings: depth and memory.
    """

    def __init__(self, channels: int, width: int, settings: MemAeSettings) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width, settings.depth)
        self.memory = Memory(
            level_channels(width, settings.depth)[-1],
            settings.slots,
            paired=False,
            temperature=settings.temperature,
            shrinkage=settings.shrinkage,
        )
        self.decoder = Decoder(channels, width, settings.depth)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) to reconstructions and the addressing weights (B, M, h, w)."""
        recall: Recall = self.memory(self.encoder(images))
        return self.decoder(recall.features, *images.shape[-2:]), recall.weights


class MemoryAutoencoder(Reconstruction[MemAeNetwork]):
    """Replaces each position's feature by a sparse mixture of learned ones before rebuilding.

    Source: Gong et al. 2019, "Memorizing normality to detect anomaly" (MemAE): one set of
    entries, softmax over cosine similarities, hard shrinkage between 1 and 3 times 1 / slots,
    entropy weighted 2e-4, squared differences. The temperature, standardised queries (see
    `Memory`), layers and schedule are ours.

    Args:
        config: `MemAeSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = MemAeSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> MemAeNetwork:
        return MemAeNetwork(shape["channels"], shape["width"], self._settings).eval()

    def _train(self, network: MemAeNetwork, normal: NormalImages, run: Run) -> None:
        def loss(step: Step) -> Tensor:
            images = step.batch["images"]
            rebuilt, weights = network(images)
            return F.mse_loss(rebuilt, images) + self._settings.entropy_weight * entropy(weights)

        player = Player("reconstruction", network, loss, self._settings.learning_rate)
        train([player], {"images": normal.images}, run, steps=run.budget.steps, note="train")

    def _rebuild(self, network: MemAeNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        return Rebuilt(network(images)[0])
