"""A judge of images, and the penalty that keeps it smooth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.shared.blocks import Encoder, level_channels, norm


class Critic(nn.Module):
    """Says of each image how real it looks, unbounded; any image size.

    Normalised in groups of channels, never over the batch, as the gradient penalty demands.

    Args:
        channels: of the image.
        width: channels after the first halving.
        depth: number of halvings.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        outputs = level_channels(width, depth)[-1]
        self.features = nn.Sequential(
            Encoder(channels, width, depth), norm(outputs), nn.ReLU(inplace=True)
        )
        self.head = nn.Conv2d(outputs, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B,): the mean of the judgements of all positions."""
        judged: Tensor = self.head(self.features(images)).mean(dim=(1, 2, 3))
        return judged


def gradient_penalty(critic: nn.Module, real: Tensor, made: Tensor, shares: Tensor) -> Tensor:
    """How far the critic's slope is from 1 between real and made images.

    Args:
        critic: (B, C, H, W) to (B,), each image judged alone.
        real: (B, C, H, W).
        made: (B, C, H, W), without a gradient.
        shares: (B,), how far each point is on the way from its real to its made image, 0 to 1.

    Returns:
        Scalar: mean of (norm of the gradient - 1) squared.

    Source: Gulrajani et al. 2017, "Improved training of Wasserstein GANs", equation 3.
    """
    between = torch.lerp(real, made, shares[:, None, None, None]).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    # The norm of a vector of zeros has no gradient of its own; this one is 0 there.
    lengths = torch.sqrt(slopes.flatten(1).square().sum(dim=1) + 1e-12)
    return ((lengths - 1) ** 2).mean()
