"""Settings of the classical methods; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from methods.shared.settings import ResidualSettings, Settings


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


class PcaSettings(ResidualSettings):
    """Settings of ``pca``.

    Attributes:
        components: dimensions of the subspace; fewer where there are fewer images.
    """

    components: int = Field(ge=1, le=256)
