"""PaDiM: one Gaussian per position, on features of whatever encoder."""

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
from methods.features.encoder import (
    FeatureEncoder,
    LocalEncoder,
    draw,
    features_of,
    local_features,
    pretrain,
)
from methods.features.grid import pixel_map
from methods.features.settings import GaussiansSettings, SslPadimSettings
from methods.shared.weights import count_parameters, load_network, save_network

MOST_IMAGES = 2000
DRAWN = 20_000  # features that set the scale
AT_ONCE = 16  # images per update of the sums, which are large


class PositionGaussians(ABC):
    """Mahalanobis distance of each position's features from those of normal images.

    The image score is the map's maximum.

    Source: Defard et al. 2021, PaDiM: a Gaussian per position, features drawn at random, 0.01
    added to the variances, the maximum as the image's score (there after smoothing by 4 of 224
    pixels, which is the protocol's here). Chosen here: only images whose foreground
    covers a position count for it, and its mean and covariance are drawn towards those over all
    positions, as if
    ``prior_images`` more images had shown these, since slices from all heights cover some
    positions rarely; at most 2000 evenly spaced images.

    Args:
        gaussians: settings of the Gaussians.
    """

    def __init__(self, gaussians: GaussiansSettings) -> None:
        self._gaussians = gaussians
        self._encoder: LocalEncoder | None = None
        self._shape: dict[str, int] = {}
        self._model: dict[str, Tensor] = {}

    @property
    def n_parameters(self) -> int | None:
        """Trainable numbers; None before `fit` or `load`."""
        return count_parameters(self._encoder)

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Get the encoder, then sum up each position's features."""
        self._shape = {"channels": normal.images.shape[1], "width": run.budget.width}
        encoder = self._encoder = self._learned(normal, run)
        usual = draw(encoder, normal, run, DRAWN)
        count = min(self._gaussians.dimensions, encoder.count)
        generator = torch.Generator().manual_seed(run.seed)
        chosen = torch.randperm(encoder.count, generator=generator)[:count].sort().values
        images = np.arange(0, len(normal), -(-len(normal) // MOST_IMAGES))
        batch: list[tuple[Tensor, Tensor]] = []
        sums: Sums | None = None
        for done, (found, cells) in enumerate(features_of(encoder, normal, images, run.device), 1):
            run.progress(done, len(images), "positions")
            batch.append((found[..., chosen.to(found.device)].cpu(), cells.cpu()))
            if len(batch) == AT_ONCE or done == len(images):
                sums = sums or Sums(*batch[0][0].shape)
                sums.add(*(torch.stack(part) for part in zip(*batch, strict=True)))
                batch = []
        if sums is None:
            raise MethodError("there are no normal images to learn from")
        mean, whitening = sums.gaussians(
            usual[:, chosen], self._gaussians.prior_images, self._gaussians.regularisation
        )
        self._model = {"chosen": chosen, "mean": mean, "whitening": whitening}

    def predict(self, images: Images) -> Prediction:
        """Distances on the grid, interpolated to pixels."""
        if self._encoder is None or not self._model:
            raise MethodError(f"{type(self).__name__} has no model yet; call fit or load first")
        model = self._model = {name: one.to(images.device) for name, one in self._model.items()}
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (found, cells) in enumerate(local_features(self._encoder, images)):
            difference = found[cells][:, model["chosen"]] - model["mean"][cells]
            distances = mahalanobis(difference, model["whitening"][cells])
            mask = images.masks[i]
            maps[i] = pixel_map(distances, cells.cpu(), mask)
            scores[i] = maps[i].max()
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write the encoder and the Gaussians."""
        if self._encoder is None or not self._model:
            raise MethodError(f"{type(self).__name__} has no model yet; call fit or load first")
        save_network(folder, self._encoder, self._shape)
        with (folder / "gaussians.npz").open("wb") as handle:
            np.savez(handle, **{name: one.cpu().numpy() for name, one in self._model.items()})  # type: ignore[arg-type]

    def load(self, folder: Path) -> None:
        """Read the encoder and the Gaussians."""
        self._encoder, self._shape = load_network(folder, self._build)
        with np.load(folder / "gaussians.npz", allow_pickle=False) as kept:
            self._model = {name: torch.from_numpy(kept[name]) for name in kept.files}

    @abstractmethod
    def _learned(self, normal: NormalImages, run: Run) -> LocalEncoder:
        """The encoder, ready to give features."""

    @abstractmethod
    def _build(self, shape: dict[str, int]) -> LocalEncoder:
        """An encoder of the same form, for weights that were saved, in eval mode."""


class SslPadim(PositionGaussians):
    """`PositionGaussians` on an encoder trained on the normal images (`DenseVicreg`).

    Args:
        config: `SslPadimSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = SslPadimSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _learned(self, normal: NormalImages, run: Run) -> LocalEncoder:
        return pretrain(normal, run, self._settings)

    def _build(self, shape: dict[str, int]) -> LocalEncoder:
        return FeatureEncoder(shape["channels"], shape["width"], self._settings.levels).eval()


class Sums:
    """Counts, sums and sums of products of the features of each position.

    Args:
        rows: of the grid.
        columns: of the grid.
        dimensions: D.
    """

    def __init__(self, rows: int, columns: int, dimensions: int) -> None:
        self.grid = (rows, columns)
        positions = rows * columns
        self.count = torch.zeros(positions, dtype=torch.float64)
        self.total = torch.zeros(positions, dimensions, dtype=torch.float64)
        self.products = torch.zeros(positions, dimensions, dimensions, dtype=torch.float64)

    def add(self, features: Tensor, cells: Tensor) -> None:
        """Add a batch: (B, h, w, D) float32, and (B, h, w) bool where it counts."""
        inside = (features * cells[..., None]).flatten(1, 2).transpose(0, 1)
        self.count += cells.flatten(1).sum(dim=0)
        self.total += inside.sum(dim=1)
        self.products += inside.transpose(1, 2) @ inside

    def gaussians(self, usual: Tensor, prior: float, added: float) -> tuple[Tensor, Tensor]:
        """Mean and whitening matrix of each position.

        Args:
            usual: (M, D), features of all positions, whose mean and covariance are the prior.
            prior: how many images it weighs.
            added: to the variances.

        Returns:
            (h, w, D) and (h, w, D, D) float32. The whitening matrix W is the inverse of the
            covariance's Cholesky factor, so the Mahalanobis distance of x is ``|W (x - mean)|``.
        """
        usual = usual.double()
        usual_mean = usual.mean(dim=0)
        usual_products = usual.T @ usual / len(usual)
        weight = self.count + prior
        mean = (self.total + prior * usual_mean) / weight[:, None]
        products = (self.products + prior * usual_products) / weight[:, None, None]
        covariance = products - mean[:, :, None] * mean[:, None, :]
        identity = torch.eye(usual.shape[1], dtype=torch.float64)
        factor = torch.linalg.cholesky(covariance + added * identity)
        whitening = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
        mean, whitening = mean.float(), whitening.float()
        return mean.view(*self.grid, -1), whitening.view(*self.grid, *identity.shape)


def mahalanobis(difference: Tensor, whitening: Tensor) -> Tensor:
    """Distances (P,) of differences (P, D), each with its own whitening matrix (P, D, D)."""
    distances: Tensor = torch.linalg.vector_norm(whitening @ difference[:, :, None], dim=(1, 2))
    return distances
