"""Settings of the feature methods; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from methods.shared.settings import Settings


class PatchSettings(Settings):
    """Settings of ``knn-patches``.

    Attributes:
        finest: distance of the finest patch's samples, as a share of the image's side.
        scales: number of patches around a pixel, each twice as wide as the one before.
        position: weight of the place within the foreground's bounding box (0 to 1 along rows
            and columns) against the patches' root mean square difference.
        bank: normal patches kept.
        neighbours: how many of them a distance is averaged over.
    """

    finest: float = Field(gt=0, le=0.25)
    scales: int = Field(ge=1, le=6)
    position: float = Field(ge=0)
    bank: int = Field(ge=1, le=1_000_000)
    neighbours: int = Field(ge=1, le=100)


class EncoderSettings(Settings):
    """Settings of the self-supervised encoder and of the map made from its features.

    Attributes:
        levels: halvings of the encoder; all of them give features.
        learning_rate: Adam's, at its peak.
        jitter: contrast of a training view differs by up to this share, brightness by half.
        noise: largest standard deviation of the noise in a view.
        mask_ratio: share of the squares that are hidden in a view.
        mask_squares: squares along a side.
    """

    levels: int = Field(ge=1, le=6)
    learning_rate: float = Field(gt=0, le=1)
    jitter: float = Field(ge=0, le=1)
    noise: float = Field(ge=0, le=1)
    mask_ratio: float = Field(ge=0, lt=1)
    mask_squares: int = Field(ge=1, le=64)


class ImagenetSettings(Settings):
    """Settings of an encoder that is not trained here.

    Attributes:
        weights: ``pretrained``: ImageNet's, from the package of the extra ``pretrained``;
            ``random``: untrained, a control.
    """

    weights: Literal["pretrained", "random"]


class GaussiansSettings(Settings):
    """Settings of the Gaussians per position.

    Attributes:
        dimensions: features kept, drawn at random; fewer where the encoder has fewer.
        prior_images: how many images the mean and covariance over all positions weigh against
            a position's own, which steadies positions that few images reach.
        regularisation: added to the variances of the features, which are 1 over all positions.
    """

    dimensions: int = Field(ge=1, le=2048)
    prior_images: float = Field(gt=0)
    regularisation: float = Field(gt=0)


class SslPadimSettings(EncoderSettings, GaussiansSettings):
    """Settings of ``ssl-padim``."""


class ImagenetPadimSettings(ImagenetSettings, GaussiansSettings):
    """Settings of ``padim``."""


class CoresetSettings(Settings):
    """Settings of the coreset.

    Attributes:
        candidates: normal features drawn at random from all images.
        bank: how many of them the greedy coreset keeps.
        neighbours: entries of the bank that weigh the image score.
    """

    candidates: int = Field(ge=1, le=1_000_000)
    bank: int = Field(ge=1, le=100_000)
    neighbours: int = Field(ge=2, le=100)


class SslPatchcoreSettings(EncoderSettings, CoresetSettings):
    """Settings of ``ssl-patchcore``."""


class ImagenetPatchcoreSettings(ImagenetSettings, CoresetSettings):
    """Settings of ``patchcore``."""
