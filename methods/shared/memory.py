"""A memory of features, addressed by likeness."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-12


class Recall(NamedTuple):
    """What the memory answers.

    Attributes:
        features: (B, V, h, w), the mixture of values.
        weights: (B, M, h, w), how much of each slot; they add up to 1 at each position, or are
            all 0 where shrinkage left none.
    """

    features: Tensor
    weights: Tensor


class Memory(nn.Module):
    """Answers each position's feature with a sparse mixture of learned values.

    The weights are a softmax over the cosine similarities with the keys. Those up to a threshold
    become 0 (hard shrinkage), the rest is divided by its sum: what resembles no key cannot pass.

    Source: Gong et al. 2019, "Memorizing normality to detect anomaly" (MemAE), equations 4 to 7,
    with a temperature; the split into keys and values is ours.

    Args:
        channels: of queries, keys and values.
        slots: number of entries M.
        paired: separate values; otherwise the keys are the values.
        temperature: divides the similarities.
        shrinkage: weights below ``shrinkage / slots`` become 0.
    """

    def __init__(
        self, channels: int, slots: int, *, paired: bool, temperature: float, shrinkage: float
    ) -> None:
        super().__init__()
        bound = 1 / math.sqrt(channels)
        self.keys = nn.Parameter(torch.empty(slots, channels).uniform_(-bound, bound))
        self.values = (
            nn.Parameter(torch.empty(slots, channels).uniform_(-bound, bound)) if paired else None
        )
        # Features of all images share a large part, which would make every query look alike and
        # let one slot answer for all; so queries are standardised over images and positions.
        self.standard = nn.BatchNorm2d(channels, affine=False)
        self.temperature = temperature
        self.threshold = shrinkage / slots

    def forward(self, queries: Tensor) -> Recall:
        """(B, C, h, w) queries to what is remembered."""
        count, channels, *grid = queries.shape
        flat = F.normalize(self._standardised(queries), dim=1).permute(0, 2, 3, 1)
        keys = F.normalize(self.keys, dim=1) / self.temperature
        weights = torch.softmax(flat.reshape(-1, channels) @ keys.T, dim=1)
        kept = F.threshold(weights, self.threshold, 0.0)  # hard shrinkage, equation 6
        total = kept.sum(dim=1, keepdim=True).clamp_min(EPSILON)
        values = self.keys if self.values is None else self.values
        # Dividing the answers, not the weights: there are far fewer of them.
        answers = (kept @ values) / total
        features, weights = (
            one.reshape(count, *grid, -1).permute(0, 3, 1, 2) for one in (answers, kept / total)
        )
        return Recall(features, weights)

    def _standardised(self, queries: Tensor) -> Tensor:
        if self.training and queries[:, 0].numel() == 1:
            return queries  # one position of one image has no spread
        standardised: Tensor = self.standard(queries)
        return standardised


def entropy(weights: Tensor) -> Tensor:
    """Mean entropy of the addressing, in nats, over all positions; dim 1 holds the slots."""
    return -(weights * torch.log(weights + EPSILON)).sum(dim=1).mean()


def usage(weights: Tensor) -> dict[str, float]:
    """How a memory is used.

    Args:
        weights: (B, M, h, w).

    Returns:
        ``used``: share of slots that are the strongest of some position; ``active``: mean number
        of slots with a weight above 0 per position; ``effective``: the exponential of the mean
        weights' entropy, the number of slots in equal use that would give the same.
    """
    slots = weights.shape[1]
    mean = weights.mean(dim=(0, 2, 3))
    return {
        "used": len(np.unique(weights.argmax(dim=1).cpu())) / slots,
        "active": float((weights > 0).sum(dim=1).float().mean()),
        "effective": float(torch.exp(-(mean * torch.log(mean + EPSILON)).sum())),
    }
