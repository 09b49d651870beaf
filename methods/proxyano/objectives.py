"""What ProxyAno's networks minimise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.modules import (
    Extraction,
    PatchDiscriminator,
    ProxyAnoNetwork,
    ProxyExtraction,
)
from methods.proxyano.paste import paste
from methods.shared.memory import entropy
from methods.shared.training import Player, Step

Loss = Callable[[Step], Tensor]


def extraction_player(extraction: ProxyExtraction, settings: ProxyAnoSettings, seed: int) -> Player:
    """First stage: the proxy extraction module alone."""
    generator = np.random.default_rng([seed, 2])

    def loss(step: Step) -> Tensor:
        shown = _shown(step, generator, settings)
        return proxy_loss(extraction(shown), step.batch["proxies"], settings)

    rate = settings.learning_rate
    return Player("proxy", extraction, loss, rate, generators=(generator,))


def reconstruction_players(
    network: ProxyAnoNetwork,
    judge: PatchDiscriminator | None,
    settings: ProxyAnoSettings,
    seed: int,
) -> list[Player]:
    """Second stage: the image reconstruction module, the first one frozen."""
    generator = np.random.default_rng([seed, 1])
    network.extraction.eval()  # frozen, the statistics of its queries too

    def loss(step: Step) -> Tensor:
        with torch.no_grad():
            predicted = network.extraction(_shown(step, generator, settings)).proxy
        return _reconstruction_loss(network, predicted, step, generator, settings)

    rate = settings.learning_rate
    player = Player("reconstruction", network.reconstruction, loss, rate, generators=(generator,))
    return _with_adversary(player, judge, settings)


def joint_players(
    network: ProxyAnoNetwork,
    judge: PatchDiscriminator | None,
    settings: ProxyAnoSettings,
    seed: int,
) -> list[Player]:
    """Both modules in every step; the reconstruction's gradient reaches the extraction."""
    generator = np.random.default_rng([seed, 1])

    def loss(step: Step) -> Tensor:
        extracted: Extraction = network.extraction(_shown(step, generator, settings))
        first = proxy_loss(extracted, step.batch["proxies"], settings)
        second = _reconstruction_loss(network, extracted.proxy, step, generator, settings)
        return settings.proxy_weight * first + second

    player = Player("joint", network, loss, settings.learning_rate, generators=(generator,))
    return _with_adversary(player, judge, settings)


def proxy_loss(extracted: Extraction, proxies: Tensor, settings: ProxyAnoSettings) -> Tensor:
    """Distance to the true proxy, plus the weighted entropy of the memories' addressing.

    Args:
        extracted: proxies (B, C, H, W) and addressing weights.
        proxies: (B, C, H, W), made from the clean images.
        settings: the entropy's weight.
    """
    loss = distance(extracted.proxy, proxies, settings)
    if settings.entropy_weight and extracted.weights:
        spread = torch.stack([entropy(weights) for weights in extracted.weights]).mean()
        loss = loss + settings.entropy_weight * spread
    return loss


def distance(made: Tensor, wanted: Tensor, settings: ProxyAnoSettings) -> Tensor:
    """Mean absolute or squared difference of two batches of one shape, (B, C, H, W)."""
    return F.l1_loss(made, wanted) if settings.loss == "l1" else F.mse_loss(made, wanted)


def bridge(
    true: Tensor, predicted: Tensor, share: float, generator: np.random.Generator, source: str
) -> Tensor:
    """The proxies that the reconstruction module sees.

    Args:
        true: (B, C, H, W), made from the images.
        predicted: (B, C, H, W), by the extraction module.
        share: how much of the training is done, 0 to 1.
        generator: draws which images are ahead of others.
        source: ``true``, ``predicted`` or ``scheduled`` (each image's is the predicted one with
            probability `share`).
    """
    if source == "true":
        return true
    if source == "predicted":
        return predicted
    ahead = torch.from_numpy(generator.random(len(true)) < share).to(true.device)
    return torch.where(ahead[:, None, None, None], predicted.to(true.dtype), true)


def _shown(step: Step, generator: np.random.Generator, settings: ProxyAnoSettings) -> Tensor:
    """What the extraction module gets: the images, with patches where the settings want them."""
    images = step.batch["images"]
    if settings.paste_count == 0 or settings.paste_on == "proxy":
        return images
    return paste(images, images, step.batch["masks"], generator, settings)


def _reconstruction_loss(
    network: ProxyAnoNetwork,
    predicted: Tensor,
    step: Step,
    generator: np.random.Generator,
    settings: ProxyAnoSettings,
) -> Tensor:
    images, proxies = step.batch["images"], step.batch["proxies"]
    seen = bridge(proxies, predicted, step.share, generator, settings.irm_input)
    if settings.paste_count and settings.paste_on != "image":
        seen = paste(seen, images, step.batch["masks"], generator, settings)
    rebuilt = network.reconstruction(seen)
    step.batch["rebuilt"] = rebuilt
    return distance(rebuilt, images, settings)


def _with_adversary(
    player: Player, judge: PatchDiscriminator | None, settings: ProxyAnoSettings
) -> list[Player]:
    """Let a discriminator play, if there is one; both sides with the hinge loss."""
    if judge is None:
        return [player]

    def fool(step: Step) -> Tensor:
        loss = player.loss(step)
        judged: Tensor = judge(step.batch["rebuilt"])
        return loss - settings.adversarial_weight * judged.mean()

    def tell_apart(step: Step) -> Tensor:
        real, made = judge(step.batch["images"]), judge(step.batch["rebuilt"].detach())
        return F.relu(1 - real).mean() + F.relu(1 + made).mean()

    return [
        replace(player, loss=fool),
        Player("discriminator", judge, tell_apart, player.learning_rate / 10),
    ]
