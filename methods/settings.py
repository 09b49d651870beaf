"""What the settings of the simple methods may be; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResidualSettings(Settings):
    """How a reconstruction becomes a map.

    Attributes:
        residual: ``absolute`` or ``squared`` difference, mean over channels; ``ssim`` is one
            minus the local structural similarity.
        smoothing: standard deviation, as a share of the image's side, of the Gaussian that
            smooths the map within the foreground; 0 leaves it. Helps large lesions and hurts
            small ones.
    """

    residual: Literal["absolute", "squared", "ssim"]
    smoothing: float = Field(ge=0, le=0.2)


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
