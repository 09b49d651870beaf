"""PatchCore: nearest neighbours in a coreset, on features of whatever encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.detector import Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.features.encoder import FeatureEncoder, LocalEncoder, draw, local_features, pretrain
from methods.features.grid import pixel_map
from methods.features.neighbours import Bank
from methods.features.settings import CoresetSettings, SslPatchcoreSettings
from methods.shared.coreset import greedy_coreset
from methods.shared.weights import count_parameters, load_network, save_network


class CoresetNeighbours(ABC):
    """Distance of local features to the nearest of a coreset of normal ones.

    Source: Roth et al. 2022, PatchCore: locally averaged features of several levels, greedy
    coreset, distance to the nearest, the largest distance, weighted by its neighbourhood, as the
    image's score. Smoothing, there by 4 of 224 pixels, is the protocol's. Chosen here: the coreset
    is taken from a random sample of bounded size, so that neither time nor memory grows with the
    images.

    Args:
        coreset: settings of the coreset.
    """

    def __init__(self, coreset: CoresetSettings) -> None:
        self._coreset = coreset
        self._encoder: LocalEncoder | None = None
        self._shape: dict[str, int] = {}
        self._bank: Bank | None = None

    @property
    def n_parameters(self) -> int | None:
        """Trainable numbers; None before `fit` or `load`."""
        return count_parameters(self._encoder)

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Get the encoder, then choose the bank."""
        self._shape = {"channels": normal.images.shape[1], "width": run.budget.width}
        encoder = self._encoder = self._learned(normal, run)
        candidates = draw(encoder, normal, run, self._coreset.candidates)
        chosen = greedy_coreset(candidates.to(run.device), self._coreset.bank).cpu()
        self._bank = Bank(candidates[chosen])

    def predict(self, images: Images) -> Prediction:
        """Distances on the grid, interpolated to pixels; one image at a time."""
        if self._encoder is None or self._bank is None:
            raise MethodError(f"{type(self).__name__} has no bank yet; call fit or load first")
        bank = self._bank = self._bank.to(images.device)
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (found, cells) in enumerate(local_features(self._encoder, images)):
            queries = found[cells]
            distances, nearest = bank.nearest(queries, 1)
            mask = images.masks[i]
            maps[i] = pixel_map(distances[:, 0], cells.cpu(), mask)
            scores[i] = image_score(
                queries, distances[:, 0], nearest[:, 0], bank, self._coreset.neighbours
            )
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write the encoder and the bank."""
        if self._encoder is None or self._bank is None:
            raise MethodError(f"{type(self).__name__} has no bank yet; call fit or load first")
        save_network(folder, self._encoder, self._shape)
        with (folder / "bank.npz").open("wb") as handle:
            np.savez(handle, vectors=self._bank.vectors.cpu().numpy())

    def load(self, folder: Path) -> None:
        """Read the encoder and the bank."""
        self._encoder, self._shape = load_network(folder, self._build)
        with np.load(folder / "bank.npz", allow_pickle=False) as kept:
            self._bank = Bank(torch.from_numpy(kept["vectors"]))

    @abstractmethod
    def _learned(self, normal: NormalImages, run: Run) -> LocalEncoder:
        """The encoder, ready to give features."""

    @abstractmethod
    def _build(self, shape: dict[str, int]) -> LocalEncoder:
        """An encoder of the same form, for weights that were saved, in eval mode."""


class SslPatchcore(CoresetNeighbours):
    """`CoresetNeighbours` on an encoder trained on the normal images (`DenseVicreg`).

    Args:
        config: `SslPatchcoreSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = SslPatchcoreSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _learned(self, normal: NormalImages, run: Run) -> LocalEncoder:
        return pretrain(normal, run, self._settings)

    def _build(self, shape: dict[str, int]) -> LocalEncoder:
        return FeatureEncoder(shape["channels"], shape["width"], self._settings.levels).eval()


def image_score(
    queries: Tensor, distances: Tensor, nearest: Tensor, bank: Bank, neighbours: int
) -> float:
    """The largest distance, weighted by how usual the bank's nearest entry is.

    Args:
        queries: (Q, D), the image's features.
        distances: (Q,), to the nearest entry of the bank.
        nearest: (Q,), which entry that is.
        bank: all entries.
        neighbours: entries around the nearest one that form its neighbourhood.

    Returns:
        ``(1 - exp(d*) / sum(exp(d))) d*``: d* is the largest distance, d are those of the same
        feature to the neighbourhood; d* where the bank has one entry.

    Source: Roth et al. 2022, equation 7.
    """
    farthest = distances.argmax()
    largest = distances[farthest]
    if len(bank.vectors) == 1:
        return float(largest)
    entry = bank.vectors[nearest[farthest]]
    _, around = bank.nearest(entry[None], neighbours)
    to_them = (bank.vectors[around[0]] - queries[farthest]).norm(dim=1)
    weight = 1 - torch.exp(largest - torch.logsumexp(to_them, dim=0))
    return float(weight * largest)
