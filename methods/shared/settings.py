"""Settings that several families share; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResidualSettings(Settings):
    """How a reconstruction becomes a map.

    Attributes:
        residual: ``signed``: image minus reconstruction, for several channels the mean size of
            the differences with the sign of their mean; ``squared``: squared difference, mean
            over channels; ``ssim``: one minus the local structural similarity. Nothing is
            smoothed: that is the protocol's, the same for all methods.
    """

    residual: Literal["signed", "squared", "ssim"]

    @property
    def signed(self) -> bool:
        """Whether maps have a sign, see `bench.detector.Prediction`."""
        return self.residual == "signed"
