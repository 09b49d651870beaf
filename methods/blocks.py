"""Convolutional parts that the networks share."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


def placed(network: N, device: str | torch.device) -> N:
    """Move a network to a device, channels last: on a CPU that halves the time of a step."""
    moved: N = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def level_channels(width: int, depth: int) -> list[int]:
    """Channels after each halving: ``width``, doubling up to eight times it.

    Args:
        width: channels after the first halving.
        depth: number of halvings.
    """
    return [width * min(8, 2**level) for level in range(depth)]


def unit(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution 3 x 3, group normalisation, ReLU.

    Groups instead of batches, because then training and testing compute the same function,
    whatever else is in the batch, and a batch of one works.
    """
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1),
        nn.GroupNorm(math.gcd(8, outputs), outputs),
        nn.ReLU(inplace=True),
    )


class Encoder(nn.Sequential):
    """Halves the image `depth` times: at each level a strided and a plain convolution.

    The first convolution is strided as well: without skip connections nothing needs features at
    full resolution, and they are the dearest.

    Shape: (B, channels, H, W) to (B, ``level_channels(width, depth)[-1]``, H / 2**depth,
    W / 2**depth); H and W are multiples of 2**depth.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        levels = [channels, *level_channels(width, depth)]
        super().__init__(
            *[nn.Sequential(unit(a, b, stride=2), unit(b, b)) for a, b in pairwise(levels)]
        )


class Decoder(nn.Sequential):
    """The way back: at each level a convolution, doubling by repetition, a convolution.

    The first of the two reduces the channels before the doubling, where that is four times
    cheaper. The output is linear.

    Shape: the reverse of `Encoder`.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        levels = [*reversed(level_channels(width, depth)), width]
        super().__init__(
            *[
                nn.Sequential(unit(a, b), nn.Upsample(scale_factor=2), unit(b, b))
                for a, b in pairwise(levels)
            ],
            nn.Conv2d(width, channels, 1),
        )


class Autoencoder(nn.Module):
    """Encoder and decoder with nothing between but the bottleneck; any image size.

    Args:
        channels: of the image, in and out.
        width: channels after the first halving.
        depth: number of halvings.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.encoder = Encoder(channels, width, depth)
        self.decoder = Decoder(channels, width, depth)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to a reconstruction of the same shape."""
        rebuilt: Tensor = self.decoder(self.encoder(padded(images, 2**self.depth)))
        return rebuilt[..., : images.shape[-2], : images.shape[-1]]


def padded(images: Tensor, multiple: int) -> Tensor:
    """Add background (0) below and to the right up to a multiple of `multiple` pixels."""
    height, width = images.shape[-2:]
    return F.pad(images, (0, -width % multiple, 0, -height % multiple))
