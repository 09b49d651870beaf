"""A spatial variational autoencoder whose reconstructions a discriminator judges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import BoolArray, NormalImages, Run
from methods.autoencoders.adversary import Critic
from methods.autoencoders.latent import Posterior
from methods.autoencoders.settings import AnoVaeGanSettings
from methods.autoencoders.vae import negative_elbo
from methods.shared.blocks import Decoder, Encoder, level_channels, norm
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train


class AnoVaeGanNetwork(nn.Module):
    """A variational autoencoder whose code is a small image: fully convolutional, any size.

    Args:
        channels: of the image.
        width: channels after the first halving.
        settings: depth and latent.
    """

    def __init__(self, channels: int, width: int, settings: AnoVaeGanSettings) -> None:
        super().__init__()
        deepest = level_channels(width, settings.depth)[-1]
        self.encoder = nn.Sequential(
            Encoder(channels, width, settings.depth),
            norm(deepest),
            nn.ReLU(inplace=True),
            nn.Conv2d(deepest, 2 * settings.latent, 1),
        )
        self.widen = nn.Conv2d(settings.latent, deepest, 1)
        self.decoder = Decoder(channels, width, settings.depth)

    def forward(self, images: Tensor) -> tuple[Tensor, Posterior]:
        """(B, C, H, W) to a reconstruction and the posterior that it came from.

        From a sample of the posterior in training, else from its mean.
        """
        posterior = Posterior(*self.encoder(images).float().chunk(2, dim=1))
        code = posterior.sample() if self.training else posterior.mean
        return self.decoder(self.widen(code), *images.shape[-2:]), posterior


class AnoVaeGan(Reconstruction[AnoVaeGanNetwork]):
    """A VAE that is to rebuild so well that a discriminator cannot tell.

    The discriminator serves training only. Predicts from the posterior's mean.

    Source: Baur et al. 2018, "Deep autoencoding models for unsupervised anomaly segmentation in
    brain MR images": spatial latent space, absolute differences + divergence + adversarial term
    on reconstructions (not on samples of the prior), updates in turn, residual as map. Layers,
    weights and schedule are ours.

    Args:
        config: `AnoVaeGanSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = AnoVaeGanSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> AnoVaeGanNetwork:
        return AnoVaeGanNetwork(shape["channels"], shape["width"], self._settings).eval()

    def _train(self, network: AnoVaeGanNetwork, normal: NormalImages, run: Run) -> None:
        judge = Critic(self._shape["channels"], self._shape["width"], self._settings.depth)
        players = adversarial_players(network, judge, self._settings)
        train(players, {"images": normal.images}, run, steps=run.budget.steps, note="train")

    def _rebuild(self, network: AnoVaeGanNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        return Rebuilt(network(images)[0])


def adversarial_players(
    network: AnoVaeGanNetwork, judge: Critic, settings: AnoVaeGanSettings
) -> list[Player]:
    """The autoencoder, then the discriminator, in every step; both by cross-entropy."""

    def rebuild_and_fool(step: Step) -> Tensor:
        images = step.batch["images"]
        rebuilt, posterior = network(images)
        step.batch["rebuilt"] = rebuilt.detach()
        # Its own turn comes next; without a gradient for it a step is cheaper.
        judge.requires_grad_(False)
        fooled = F.softplus(-judge(rebuilt)).mean()
        bound = negative_elbo(images, rebuilt, posterior, settings.kl_weight).mean()
        return bound + settings.adversarial_weight * fooled

    def tell_apart(step: Step) -> Tensor:
        judge.requires_grad_(True)
        real, made = judge(step.batch["images"]), judge(step.batch["rebuilt"])
        return F.softplus(-real).mean() + F.softplus(made).mean()

    return [
        Player("autoencoder", network, rebuild_and_fool, settings.learning_rate),
        Player("discriminator", judge, tell_apart, settings.learning_rate / 10),
    ]
