"""Settings that several families share; imported when a run is planned, so no torch."""

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
