"""Nearest neighbours in a bank of normal features."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 128  # queries at once: their products with a bank of 10 000 stay in the cache (5 MB)


class Bank:
    """Finds the nearest of a fixed set of vectors.

    ``|q - b|^2`` is smallest where ``<q, b> - |b|^2 / 2`` is largest. With a one appended to each
    query and ``-|b|^2 / 2`` to each bank vector that is a single matrix product per chunk of
    queries, and nothing but its result is passed over again. The distances of what was found are
    then computed from the differences, so they carry no error of cancellation. Memory is bounded
    by the chunk, not by the number of queries.

    Args:
        vectors: (M, D) float32, M at least 1, on any device.
    """

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors
        # Around the mean the norms are small, and with them the rounding of the product.
        self._centre = vectors.mean(dim=0)
        shifted = vectors - self._centre
        self._matrix = torch.cat([shifted.T, -0.5 * shifted.square().sum(dim=1)[None]])

    def to(self, device: str | torch.device) -> Bank:
        """The bank on a device; itself where it is on it already."""
        moved = self.vectors.to(device)
        return self if moved is self.vectors else Bank(moved)

    def nearest(self, queries: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Distances to the nearest vectors.

        Args:
            queries: (Q, D) float32, on the bank's device.
            count: how many neighbours; at most M are given.

        Returns:
            Euclidean distances (Q, K) float32 in rising order, and indices (Q, K) int64.
        """
        count = min(count, len(self.vectors))
        shifted = queries - self._centre
        extended = torch.cat([shifted, shifted.new_ones(len(shifted), 1)], dim=1)
        found = torch.empty(len(queries), count, dtype=torch.int64, device=queries.device)
        # One buffer: large blocks that are allocated again are cleared by the system each time.
        buffer = queries.new_empty(min(CHUNK, len(queries)), len(self.vectors))
        for start in range(0, len(queries), CHUNK):
            part = extended[start : start + CHUNK]
            closeness = torch.mm(part, self._matrix, out=buffer[: len(part)])
            found[start : start + CHUNK] = (
                closeness.max(dim=1, keepdim=True).indices  # three times as fast as argmax
                if count == 1
                else closeness.topk(count, dim=1, sorted=False).indices
            )
        distances = torch.stack(
            [(queries - self.vectors[column]).norm(dim=1) for column in found.unbind(dim=1)], dim=1
        )
        distances, order = distances.sort(dim=1, stable=True)
        return distances, found.gather(1, order)
