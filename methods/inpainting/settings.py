"""Settings of ``phanes-like``; imported when a run is planned, so no torch."""

from __future__ import annotations

from pydantic import Field

from methods.shared.settings import ResidualSettings


class PhanesSettings(ResidualSettings):
    """Settings of ``phanes-like``.

    Attributes:
        depth: halvings between the image and the bottleneck of the coarse network.
        kl_weight: of the latent distribution's distance to the normal one, in the coarse loss.
        coarse_smoothing: standard deviation, as a share of the image's side, of the Gaussian
            that smooths the coarse residual before it is cut into a mask.
        quantile: share of normal foreground pixels whose coarse residual stays below the
            threshold of the mask.
        growth: by how much a mask grows on all sides, as a share of the image's side.
        largest_hole: training holes cover up to this share of the foreground.
        learning_rate: Adam's, at its peak, of both networks.
    """

    depth: int = Field(ge=1, le=7)
    kl_weight: float = Field(ge=0)
    coarse_smoothing: float = Field(ge=0, le=0.2)
    quantile: float = Field(gt=0, lt=1)
    growth: float = Field(ge=0, le=0.2)
    largest_hole: float = Field(gt=0, le=1)
    learning_rate: float = Field(gt=0, le=1)
