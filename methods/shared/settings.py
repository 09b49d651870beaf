"""What the settings of the simple methods may be; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResidualSettings(Settings):
    """How a reconstruction becomes a map.

    Attributes:
        residual: ``absolute`` or ``squared`` difference, mean over channels; ``ssim`` is one
            minus the local structural similarity; ``signed`` smooths the difference before it
            becomes absolute, so that what is too bright on one side of an edge and too dark on
            the other cancels.
        smoothing: standard deviation, as a share of the image's side, of the Gaussian that
            smooths the map within the foreground; 0 leaves it. Helps large lesions and hurts
            small ones.
    """

    residual: Literal["absolute", "squared", "ssim", "signed"]
    smoothing: float = Field(ge=0, le=0.2)

    @model_validator(mode="after")
    def _signed_is_smoothed(self) -> Self:
        if self.residual == "signed" and self.smoothing == 0:
            raise ValueError("residual=signed needs a smoothing above 0, for example 0.02")
        return self


class IntensitySettings(Settings):
    """Settings of ``intensity`` and ``equalized``.

    Attributes:
        anomalies: whether lesions are ``bright`` (FLAIR, T2) or ``dark`` (T1).
    """

    anomalies: Literal["bright", "dark"]


class GaussianSettings(Settings):
    """Settings of ``gaussian``.

    Attributes:
        templates: groups of like slices, each with a mean and an sd per pixel.
        prior_images: how many images the group's overall mean and sd weigh against a pixel's
            own, which steadies pixels that few images reach.
    """

    templates: int = Field(ge=1, le=1000)
    prior_images: float = Field(gt=0)


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
