"""Settings of ``anoddpm``; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from methods.shared.settings import ResidualSettings


class AnoddpmSettings(ResidualSettings):
    """Settings of ``anoddpm``.

    Attributes:
        noising_steps: steps from an image to noise alone, with a linear schedule.
        fraction: how far of that way an image goes; 0 leaves it as it is.
        stride: steps that one call of the network takes back.
        draws: reconstructions, each from noise of its own, that are averaged.
        octaves: layers of simplex noise, each half as coarse as the one before; layers finer
            than a pixel are left out.
        persistence: amplitude of a layer against that of the one before.
        coarsest: size of the first layer's features as a share of the image's side.
        learning_rate: Adam's, at its peak.
    """

    noising_steps: int = Field(ge=10, le=10_000)
    fraction: float = Field(ge=0, le=1)
    stride: int = Field(ge=1)
    draws: int = Field(ge=1, le=100)
    octaves: int = Field(ge=1, le=10)
    persistence: float = Field(gt=0, le=1)
    coarsest: float = Field(gt=0, le=1)
    learning_rate: float = Field(gt=0, le=1)

    @property
    def depth(self) -> int:
        """How many of the steps are taken to noise an image."""
        return round(self.fraction * self.noising_steps)

    @model_validator(mode="after")
    def _strides_fit(self) -> Self:
        if self.noising_steps % self.stride or self.depth % self.stride:
            raise ValueError(
                f"stride {self.stride} must divide noising_steps {self.noising_steps} and the "
                f"{self.depth} of them that fraction {self.fraction} takes"
            )
        return self
