"""Latent spaces: images to codes and back, and distributions over codes."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.errors import MethodError
from methods.shared.blocks import Decoder, Encoder, level_channels, norm


class Posterior(NamedTuple):
    """A normal distribution over codes, independent in each number.

    Attributes:
        mean: (B, L) or (B, L, h, w).
        log_variance: of the same shape.
    """

    mean: Tensor
    log_variance: Tensor

    def sample(self) -> Tensor:
        """One code per image, with a gradient to both parameters."""
        return self.mean + torch.exp(0.5 * self.log_variance) * torch.randn_like(self.mean)

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence from the standard normal distribution, (B,), in nats."""
        terms = self.mean**2 + self.log_variance.exp() - 1 - self.log_variance
        return 0.5 * terms.flatten(1).sum(dim=1)


class VectorEncoder(nn.Module):
    """Images of one size to vectors.

    Args:
        shape: ``channels``, ``width``, ``rows`` and ``columns`` of the images.
        depth: halvings.
        numbers: in the vector.
    """

    def __init__(self, shape: dict[str, int], depth: int, numbers: int) -> None:
        super().__init__()
        self.size = (shape["rows"], shape["columns"])
        channels = level_channels(shape["width"], depth)[-1]
        self.features = Encoder(shape["channels"], shape["width"], depth)
        self.head = nn.Sequential(
            norm(channels),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(
                channels * _halved(self.size[0], depth) * _halved(self.size[1], depth), numbers
            ),
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, numbers)."""
        if images.shape[-2:] != self.size:
            raise MethodError(
                f"the network takes images of {self.size[0]} x {self.size[1]} pixels, "
                f"as it was trained, got {images.shape[-2]} x {images.shape[-1]}",
                hint="prepare the images as the training images were, or train again",
            )
        vectors: Tensor = self.head(self.features(images))
        return vectors


class VectorDecoder(nn.Module):
    """Vectors to images of one size; the output is linear.

    Args:
        shape: ``channels``, ``width``, ``rows`` and ``columns`` of the images.
        depth: doublings.
        numbers: in the vector.
    """

    def __init__(self, shape: dict[str, int], depth: int, numbers: int) -> None:
        super().__init__()
        self.size = (shape["rows"], shape["columns"])
        channels = level_channels(shape["width"], depth)[-1]
        grid = (channels, _halved(self.size[0], depth), _halved(self.size[1], depth))
        self.head = nn.Sequential(
            nn.Linear(numbers, grid[0] * grid[1] * grid[2]), nn.Unflatten(1, grid)
        )
        self.image = Decoder(shape["channels"], shape["width"], depth)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, numbers) to (B, C, H, W)."""
        image: Tensor = self.image(self.head(vectors), *self.size)
        return image


def _halved(side: int, depth: int) -> int:
    """Length of a side after `depth` halvings, each rounded up."""
    return math.ceil(side / (1 << depth))
