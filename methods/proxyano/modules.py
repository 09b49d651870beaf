"""The networks of ProxyAno: two modules, and a discriminator for the optional adversarial term."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from methods.proxyano.config import ProxyAnoSettings
from methods.shared.memory import Memory, Recall
from methods.shared.unet import UNet, unet_channels


class Extraction(NamedTuple):
    """What the proxy extraction module answers.

    Attributes:
        proxy: (B, C, H, W), the predicted proxy.
        weights: (B, M, h, w) for each resolution, the fine one first: the addressing of its
            memory. Empty without memories.
    """

    proxy: Tensor
    weights: list[Tensor]


class ProxyExtraction(nn.Module):
    """PEM: from an image to its proxy, a U-Net in which everything passes through memories.

    The bottleneck and every skip connection have a memory of their own, and the decoder sees
    only what the memories answer. So the proxy is made of features of normal images at every
    resolution, and it can still be sharp. The values of each square of ``stride`` pixels a side
    are channels of one position: the coarser the squares, the less passes the finest memory, and
    the cheaper it is.

    Args:
        channels: of the image.
        width: base channels of the reconstruction module; at each resolution this module has
            the same number as that one.
        settings: ``stride``, ``depth`` (the squares count as halvings) and the memories.
    """

    def __init__(self, channels: int, width: int, settings: ProxyAnoSettings) -> None:
        super().__init__()
        self.stride = settings.stride
        width, depth = self.stride * width, settings.depth - int(math.log2(self.stride))
        self.unet = UNet(channels * self.stride**2, width, depth)
        self.memories = nn.ModuleList()
        if settings.memory != "none":
            self.memories.extend(
                Memory(
                    features,
                    settings.slots,
                    paired=settings.memory == "pair",
                    temperature=settings.temperature,
                    shrinkage=settings.shrinkage,
                )
                for features in unet_channels(width, depth)
            )

    def forward(self, images: Tensor) -> Extraction:
        """(B, C, H, W) images to their proxies."""
        rows, columns = images.shape[-2:]
        padding = (0, -columns % self.stride, 0, -rows % self.stride)
        padded = F.pad(images, padding, mode="replicate")
        features = self.unet.encode(F.pixel_unshuffle(padded, self.stride))
        weights = []
        if self.memories:
            recalls: list[Recall] = [
                memory(asked) for memory, asked in zip(self.memories, features, strict=True)
            ]
            features, weights = [one.features for one in recalls], [one.weights for one in recalls]
        proxy = F.pixel_shuffle(self.unet.decode(features), self.stride)
        return Extraction(proxy[..., :rows, :columns], weights)


class ProxyAnoNetwork(nn.Module):
    """Both modules, one after the other.

    Args:
        channels: of the image.
        width: channels after the first halving.
        settings: depth and memories.
    """

    def __init__(self, channels: int, width: int, settings: ProxyAnoSettings) -> None:
        super().__init__()
        self.extraction = ProxyExtraction(channels, width, settings)
        # IRM: its skip connections begin at the proxy, so the image can only come from there.
        self.reconstruction = UNet(channels, width, settings.depth)

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
