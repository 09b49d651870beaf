"""PaDiM and PatchCore on ImageNet features of EfficientNet-Lite0; nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from bench.detector import NormalImages, Run
from methods.features.encoder import LocalEncoder
from methods.features.padim import PositionGaussians
from methods.features.patchcore import CoresetNeighbours
from methods.features.settings import ImagenetPadimSettings, ImagenetPatchcoreSettings
from methods.shared.efficientnet_lite import STAGES, EfficientNetLite0
from methods.shared.lite_weights import trained_network

LEVELS = (1, 2, 4)
"""Stages that give features: 24, 40 and 112 channels at a quarter, an eighth, a sixteenth."""


class ImagenetEncoder(LocalEncoder):
    """The first five stages of a network that was trained on ImageNet.

    Images from 0 to 1 are brought to -1 to 1, as the network was trained; what is outside the
    foreground is black.

    Args:
        network: whose parts it takes.
    """

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__([STAGES[at][-1] for at in LEVELS])
        self.stem = network.stem
        self.stages = nn.ModuleList(list(network.stages)[: LEVELS[-1] + 1])

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) to one (B, channels, H / stride, W / stride) per level."""
        found = []
        images = self.stem(2 * images - 1)
        for at, stage in enumerate(self.stages):
            images = stage(images)
            if at in LEVELS:
                found.append(images)
        return found


def imagenet_encoder(weights: Literal["pretrained", "random"], run: Run) -> ImagenetEncoder:
    """The encoder in eval mode; with random weights as a control.

    Raises:
        MethodError: the weights cannot be read.
    """
    if weights == "random":
        run.logger.warning("the encoder has random weights: it was never trained")
        return ImagenetEncoder(EfficientNetLite0()).eval()
    return ImagenetEncoder(trained_network()).eval()


class ImagenetPadim(PositionGaussians):
    """`PositionGaussians` on features of ImageNet.

    Args:
        config: `ImagenetPadimSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = ImagenetPadimSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _learned(self, normal: NormalImages, run: Run) -> LocalEncoder:
        return imagenet_encoder(self._settings.weights, run)

    def _build(self, shape: dict[str, int]) -> LocalEncoder:
        return ImagenetEncoder(EfficientNetLite0()).eval()


class ImagenetPatchcore(CoresetNeighbours):
    """`CoresetNeighbours` on features of ImageNet.

    Args:
        config: `ImagenetPatchcoreSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = ImagenetPatchcoreSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _learned(self, normal: NormalImages, run: Run) -> LocalEncoder:
        return imagenet_encoder(self._settings.weights, run)

    def _build(self, shape: dict[str, int]) -> LocalEncoder:
        return ImagenetEncoder(EfficientNetLite0()).eval()
