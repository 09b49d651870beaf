"""What the settings of the autoencoders may be; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from methods.shared.settings import ResidualSettings


class AutoencoderSettings(ResidualSettings):
    """Settings of ``ae``.

    Attributes:
        depth: halvings between the image and the bottleneck.
        loss: ``l1`` or ``l2``.
        learning_rate: Adam's, at its peak.
    """

    depth: int = Field(ge=1, le=7)
    loss: Literal["l1", "l2"]
    learning_rate: float = Field(gt=0, le=1)


class NetworkSettings(ResidualSettings):
    """What the methods of this folder have, but `ae`.

    Attributes:
        depth: halvings of the image.
        learning_rate: Adam's, at its peak.
    """

    depth: int = Field(ge=1, le=7)
    learning_rate: float = Field(gt=0, le=1)


class VaeSettings(NetworkSettings):
    """Settings of ``vae``.

    Attributes:
        latent: numbers in the latent vector.
        kl_weight: of the Kullback-Leibler divergence against the sum of absolute differences;
            it is also the scale of the Laplace distribution that the decoder stands for.
        score: of an image: ``residual``: mean of the map over the foreground; ``elbo``: negative
            evidence lower bound.
    """

    latent: int = Field(ge=1)
    kl_weight: float = Field(ge=0)
    score: Literal["residual", "elbo"]


class AnoVaeGanSettings(NetworkSettings):
    """Settings of ``anovaegan``.

    Attributes:
        latent: channels of the latent image.
        kl_weight: as for ``vae``.
        adversarial_weight: of the term that the discriminator gives, against the mean absolute
            difference.
    """

    latent: int = Field(ge=1)
    kl_weight: float = Field(ge=0)
    adversarial_weight: float = Field(ge=0)


class DaeSettings(NetworkSettings):
    """Settings of ``dae``.

    Attributes:
        noise_sd: standard deviation of the coarse noise.
        noise_cells: cells of the noise along the image's longer side.
    """

    noise_sd: float = Field(gt=0)
    noise_cells: int = Field(ge=2)


class MemAeSettings(NetworkSettings):
    """Settings of ``memae``.

    Attributes:
        slots: entries of the memory.
        temperature: divides the cosine similarity of feature and entry before the softmax.
        shrinkage: weights below so many times ``1 / slots`` become 0.
        entropy_weight: of the addressing weights' entropy in the loss.
    """

    slots: int = Field(ge=2)
    temperature: float = Field(gt=0)
    shrinkage: float = Field(ge=0)
    entropy_weight: float = Field(ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> MemAeSettings:
        if self.shrinkage >= self.slots:
            raise ValueError(
                f"shrinkage ({self.shrinkage}) must be below slots ({self.slots}), "
                "else no weight survives"
            )
        return self


class FAnoGanSettings(NetworkSettings):
    """Settings of ``fanogan``.

    Attributes:
        latent: numbers in the latent vector.
        penalty_weight: of the critic's gradient penalty.
        kappa: of the residual of the critic's features, in the encoder's loss and in the score.
    """

    latent: int = Field(ge=1)
    penalty_weight: float = Field(ge=0)
    kappa: float = Field(ge=0)
