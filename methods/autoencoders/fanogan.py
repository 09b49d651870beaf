"""f-AnoGAN: a generative network of normal images, and an encoder into its codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.detector import BoolArray, NormalImages, Run
from methods.autoencoders.adversary import Critic, gradient_penalty
from methods.autoencoders.latent import VectorDecoder, VectorEncoder
from methods.autoencoders.settings import FAnoGanSettings
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train

BETAS = (0.0, 0.9)
"""Adam's in the first stage, as Gulrajani et al. 2017 give them for the gradient penalty."""


class FAnoGanNetwork(nn.Module):
    """Generator, critic and encoder.

    Args:
        shape: of the images, see `VectorEncoder`.
        settings: depth and latent.
    """

    def __init__(self, shape: dict[str, int], settings: FAnoGanSettings) -> None:
        super().__init__()
        self.generator = VectorDecoder(shape, settings.depth, settings.latent)
        self.critic = Critic(shape["channels"], shape["width"], settings.depth)
        self.encoder = VectorEncoder(shape, settings.depth, settings.latent)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) to reconstructions and the critic's feature residuals (B,)."""
        rebuilt = self.generator(self.encoder(images))
        difference = self.critic.features(images) - self.critic.features(rebuilt)
        return rebuilt, difference.float().flatten(1).square().mean(dim=1)


def anomaly(images: Tensor, rebuilt: Tensor, features: Tensor, kappa: float) -> Tensor:
    """Mean squared residual of each image plus `kappa` times that of the features, (B,).

    Source: Schlegl et al. 2019, equations for the loss izi_f and for the score A(x), which are
    the same.
    """
    return (images - rebuilt).float().flatten(1).square().mean(dim=1) + kappa * features


class FAnoGan(Reconstruction[FAnoGanNetwork]):
    """Rebuilds an image as what a generator of normal images can make.

    Two stages, half of the steps each: generator against critic, then, both frozen, the encoder.

    Source: Schlegl et al. 2019, "f-AnoGAN: fast unsupervised anomaly detection with generative
    adversarial networks": Wasserstein GAN with gradient penalty, vector of 128, encoder trained
    by izi_f, map |x - G(E(x))|, score A(x). Layers and schedule are ours; so is one step of the
    critic for each of the generator, where the paper takes five, at twice its learning rate.

    Args:
        config: `FAnoGanSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = FAnoGanSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> FAnoGanNetwork:
        return FAnoGanNetwork(shape, self._settings).eval()

    def _train(self, network: FAnoGanNetwork, normal: NormalImages, run: Run) -> None:
        arrays = {"images": normal.images}
        encoding = max(1, run.budget.steps // 2)
        generating = max(1, run.budget.steps - encoding)
        players = generating_players(network, self._settings)
        train(players, arrays, run, steps=generating, note="train generator")
        network.requires_grad_(False)
        network.encoder.requires_grad_(True)
        player = encoding_player(network, self._settings)
        train([player], arrays, run, steps=encoding, note="train encoder")

    def _rebuild(self, network: FAnoGanNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        rebuilt, features = network(images)
        return Rebuilt(rebuilt, anomaly(images, rebuilt, features, self._settings.kappa))


def generating_players(network: FAnoGanNetwork, settings: FAnoGanSettings) -> list[Player]:
    """First stage: generator and critic, a Wasserstein GAN with gradient penalty."""
    generator, critic = network.generator, network.critic

    def fool(step: Step) -> Tensor:
        images = step.batch["images"]
        codes = torch.randn(len(images), settings.latent, device=images.device)
        made = generator(codes)
        step.batch["made"] = made.detach()
        critic.requires_grad_(False)
        judged: Tensor = critic(made).mean()
        return -judged

    def tell_apart(step: Step) -> Tensor:
        critic.requires_grad_(True)
        real, made = step.batch["images"], step.batch["made"].float()
        # A gradient of a gradient needs more digits than bfloat16 has.
        with torch.autocast(real.device.type, enabled=False):
            shares = torch.rand(len(real), device=real.device)
            penalty = gradient_penalty(critic, real, made, shares)
            distance: Tensor = critic(real).mean() - critic(made).mean()
            return settings.penalty_weight * penalty - distance

    return [
        Player("generator", generator, fool, settings.learning_rate, BETAS),
        Player("critic", critic, tell_apart, 2 * settings.learning_rate, BETAS),
    ]


def encoding_player(network: FAnoGanNetwork, settings: FAnoGanSettings) -> Player:
    """Second stage: the encoder alone, by images and features (izi_f)."""

    def loss(step: Step) -> Tensor:
        images = step.batch["images"]
        rebuilt, features = network(images)
        return anomaly(images, rebuilt, features, settings.kappa).mean()

    return Player("encoder", network.encoder, loss, settings.learning_rate)
