"""The networks of ProxyAno: two modules, and a discriminator for the optional adversarial term."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from methods.proxyano.config import ProxyAnoSettings
from methods.shared.blocks import AutoencoderNetwork, Decoder, Encoder, level_channels
from methods.shared.memory import Memory, Recall


class Extraction(NamedTuple):
    """What the proxy extraction module answers.

    Attributes:
        proxy: (B, C, H, W), the predicted proxy.
        weights: (B, M, h, w), the memory's addressing; None without a memory.
    """

    proxy: Tensor
    weights: Tensor | None


class ProxyExtraction(nn.Module):
    """PEM: from an image to its proxy, through a memory of normal features.

    Args:
        channels: of the image.
        width: channels after the first halving.
        settings: depth and memory.
    """

    def __init__(self, channels: int, width: int, settings: ProxyAnoSettings) -> None:
        super().__init__()
        self.encoder = Encoder(channels, width, settings.depth)
        self.memory = None
        if settings.memory != "none":
            self.memory = Memory(
                level_channels(width, settings.depth)[-1],
                settings.slots,
                paired=settings.memory == "pair",
                temperature=settings.temperature,
                shrinkage=settings.shrinkage,
            )
        self.decoder = Decoder(channels, width, settings.depth)

    def forward(self, images: Tensor) -> Extraction:
        """(B, C, H, W) images to their proxies."""
        features = self.encoder(images)
        weights = None
        if self.memory is not None:
            recall: Recall = self.memory(features)
            features, weights = recall
        return Extraction(self.decoder(features, *images.shape[-2:]), weights)


class ProxyAnoNetwork(nn.Module):
    """Both modules, one after the other.

    Args:
        channels: of the image.
        width: channels after the first halving.
        settings: depth and memory.
    """

    def __init__(self, channels: int, width: int, settings: ProxyAnoSettings) -> None:
        super().__init__()
        self.extraction = ProxyExtraction(channels, width, settings)
        # IRM: no skip connections, so that the image can only come from the proxy.
        self.reconstruction = AutoencoderNetwork(channels, width, settings.depth)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) images to their predicted proxies and their reconstructions."""
        proxy = self.extraction(images).proxy
        return proxy, self.reconstruction(proxy)


class PatchDiscriminator(nn.Sequential):
    """Says of each patch of an image how real it looks; spectrally normalised.

    Source: PatchGAN of Isola et al. 2017 (three strided layers), with the normalisation of
    Miyato et al. 2018.

    Shape: (B, channels, H, W) to (B, 1, H / 8, W / 8), unbounded.
    """

    def __init__(self, channels: int, width: int) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in ((channels, width), (width, 2 * width), (2 * width, 4 * width)):
            layers.append(spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)))
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        layers.append(spectral_norm(nn.Conv2d(4 * width, 1, 3, padding=1)))
        super().__init__(*layers)
