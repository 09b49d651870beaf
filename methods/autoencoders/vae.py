"""A variational autoencoder with a latent vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from bench.detector import BoolArray, NormalImages, Run
from methods.autoencoders.latent import Posterior, VectorDecoder, VectorEncoder
from methods.autoencoders.settings import VaeSettings
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train


class VaeNetwork(nn.Module):
    """Encoder to the posterior, decoder from a code.

    Args:
        shape: of the images, see `VectorEncoder`.
        settings: depth and latent.
    """

    def __init__(self, shape: dict[str, int], settings: VaeSettings) -> None:
        super().__init__()
        self.encoder = VectorEncoder(shape, settings.depth, 2 * settings.latent)
        self.decoder = VectorDecoder(shape, settings.depth, settings.latent)

    def forward(self, images: Tensor) -> tuple[Tensor, Posterior]:
        """(B, C, H, W) to a reconstruction and the posterior that it came from.

        From a sample of the posterior in training, else from its mean.
        """
        posterior = Posterior(*self.encoder(images).float().chunk(2, dim=1))
        code = posterior.sample() if self.training else posterior.mean
        return self.decoder(code), posterior


def negative_elbo(images: Tensor, rebuilt: Tensor, posterior: Posterior, weight: float) -> Tensor:
    """Negative evidence lower bound of each image, (B,).

    Under a Laplace distribution of scale `weight` around the reconstruction. Multiplied by
    `weight`, divided by the number of values in an image, and without the constant:
    mean absolute difference + `weight` * divergence / values.

    Source: Kingma and Welling 2014, "Auto-encoding variational Bayes", equation 3.
    """
    difference = (images - rebuilt).abs().flatten(1)
    return difference.mean(dim=1) + weight * posterior.divergence() / difference.shape[1]


class VariationalAutoencoder(Reconstruction[VaeNetwork]):
    """Rebuilds from a vector that is kept close to a standard normal distribution.

    Predicts from the posterior's mean, so that an image always gets the same result.

    Source: Baur et al. 2021, "Autoencoders for unsupervised anomaly segmentation in brain MR
    images" (dense VAE: a vector of 128, absolute differences); layers, schedule and weight are
    ours. The score ``elbo`` after Zimmerer et al. 2019, "Unsupervised anomaly localization using
    variational auto-encoders".

    Args:
        config: `VaeSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = VaeSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> VaeNetwork:
        return VaeNetwork(shape, self._settings).eval()

    def _train(self, network: VaeNetwork, normal: NormalImages, run: Run) -> None:
        def loss(step: Step) -> Tensor:
            images = step.batch["images"]
            rebuilt, posterior = network(images)
            return negative_elbo(images, rebuilt, posterior, self._settings.kl_weight).mean()

        player = Player("negative elbo", network, loss, self._settings.learning_rate)
        train([player], {"images": normal.images}, run, steps=run.budget.steps, note="train")

    def _rebuild(self, network: VaeNetwork, images: Tensor, masks: BoolArray) -> Rebuilt:
        rebuilt, posterior = network(images)
        if self._settings.score == "residual":
            return Rebuilt(rebuilt)
        weight = self._settings.kl_weight
        return Rebuilt(rebuilt, negative_elbo(images, rebuilt, posterior, weight))
