"""A U-Net: a network with skip connections, for methods that are to keep every detail."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.shared.blocks import norm


class Block(nn.Module):
    """Two convolutions at one resolution beside a shortcut.

    Source: normalisation in groups and SiLU (swish) as in the network of Kascenas et al. 2022;
    the shortcut is ours: without it what is normal takes long to pass unchanged.

    Shape: (B, inputs, H, W) to (B, outputs, H, W).

    Args:
        inputs: channels.
        outputs: channels.
        first: the input is an image, which is not to be normalised.
    """

    def __init__(self, inputs: int, outputs: int, *, first: bool = False) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *([] if first else [norm(inputs), nn.SiLU(inplace=True)]),
            nn.Conv2d(inputs, outputs, 3, padding=1),
            norm(outputs),
            nn.SiLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Change the channels."""
        changed: Tensor = self.main(x) + self.shortcut(x)
        return changed


def unet_channels(width: int, depth: int) -> list[int]:
    """Channels of a `UNet` at each resolution, the full one first.

    Args:
        width: channels after the first halving.
        depth: number of halvings.
    """
    return [max(1, width * 2**level // 2) for level in range(depth + 1)]


class UNet(nn.Module):
    """A U-Net with skip connections at every level, full resolution included; any image size.

    Args:
        channels: of the image, in and out.
        width: channels after the first halving, as in the other networks; half of it at full
            resolution, doubling with every halving.
        depth: number of halvings.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        levels = unet_channels(width, depth)
        self.first = Block(channels, levels[0], first=True)
        self.down = nn.ModuleList([Block(a, b) for a, b in pairwise(levels)])
        levels.reverse()
        self.up = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in pairwise(levels)])
        self.merge = nn.ModuleList([Block(2 * one, one) for one in levels[1:]])
        self.last = nn.Conv2d(levels[-1], channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        return self.decode(self.encode(images))

    def encode(self, images: Tensor) -> list[Tensor]:
        """Features at every resolution, the full one first and the bottleneck last.

        Args:
            images: (B, C, H, W).

        Returns:
            ``depth + 1`` tensors (B, `unet_channels`, H / 2**level, W / 2**level), rounded up.
        """
        found = [self.first(images)]
        for down in self.down:
            found.append(down(F.avg_pool2d(found[-1], 2, ceil_mode=True)))
        return found

    def decode(self, features: list[Tensor]) -> Tensor:
        """(B, C, H, W) from features as `encode` gives them; all but the last are the skips."""
        *skips, x = features
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            # Where halving rounded up, doubling gives a row or column too many.
            doubled = F.interpolate(up(x), scale_factor=2.0)
            doubled = doubled[..., : skip.shape[-2], : skip.shape[-1]]
            x = merge(torch.cat([skip, doubled], dim=1))
        cleaned: Tensor = self.last(x)
        return cleaned
