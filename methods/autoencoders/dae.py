"""A denoising autoencoder with coarse noise and skip connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from bench.detector import BoolArray, NormalImages, Run
from methods.autoencoders.settings import DaeSettings
from methods.shared.noise import coarse_noise
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train
from methods.shared.unet import UNet


class DenoisingAutoencoder(Reconstruction[UNet]):
    """Learns to take coarse noise away; at test time it takes away what looks like it.

    Without a bottleneck: what is normal is kept in full detail.

    Source: Kascenas et al. 2022, "Denoising autoencoders for unsupervised anomaly detection in
    brain MRI" (MIDL): noise, U-Net with three halvings, squared differences, residual of the
    image without noise. Channels, schedule and the loss over the whole image are ours; eroding
    the mask and filtering the map are left to protocols.

    Args:
        config: `DaeSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = DaeSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> UNet:
        return UNet(shape["channels"], shape["width"], self._settings.depth).eval()

    def _train(self, network: UNet, normal: NormalImages, run: Run) -> None:
        sd, cells = self._settings.noise_sd, self._settings.noise_cells

        def loss(step: Step) -> Tensor:
            images = step.batch["images"]
            noise = coarse_noise(images, step.batch["masks"], sd, cells)
            return F.mse_loss(network(images + noise), images)

        arrays = {"images": normal.images, "masks": normal.masks}
        player = Player("denoising", network, loss, self._settings.learning_rate)
        train([player], arrays, run, steps=run.budget.steps, note="train")

    def _rebuild(self, network: UNet, images: Tensor, masks: BoolArray) -> Rebuilt:
        return Rebuilt(network(images))
