"""Nearest neighbours of plain intensity patches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.features.grid import foreground_cells, pixel_map
from methods.features.neighbours import Bank
from methods.features.settings import PatchSettings
from methods.shared.foreground import bounding_box, mean_score

LARGEST_GRID = 112  # cells along a side; finer detail is below the finest patch


class KnnPatches:
    """How far each pixel's surroundings are from the nearest ones of normal images.

    Nothing is learned. A pixel is described by nine box means (3 x 3) at each of a few scales
    and by its place in the foreground's bounding box; a bank keeps such descriptions of normal
    pixels, drawn at random and evenly from all images. The map is the mean distance to the
    nearest of them, the image score its mean over the foreground.

    Source: nearest neighbours in a bank of normal patches, as in Cohen and Hoshen 2020 (SPADE)
    and Roth et al. 2022 (PatchCore), here without a network; the description is ours.

    Args:
        config: `PatchSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = PatchSettings.model_validate(dict(config))
        self._bank: Bank | None = None

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Fill the bank; memory does not grow with the images."""
        if not len(normal):
            raise MethodError("there are no normal images to learn from")
        generator = np.random.default_rng([run.seed, len(normal)])
        size = self._settings.bank
        chosen = np.sort(generator.permutation(len(normal))[:size])
        share = -(-size // len(chosen))
        drawn = []
        for done, i in enumerate(chosen):
            run.progress(done, len(chosen), "bank")
            found, _ = describe(normal.images[i], normal.masks[i], self._settings)
            drawn.append(found[generator.permutation(len(found))[:share]])
        vectors = np.concatenate(drawn)
        kept = np.sort(generator.permutation(len(vectors))[:size])
        self._bank = Bank(torch.from_numpy(vectors[kept]))

    def predict(self, images: Images) -> Prediction:
        """Search the bank for each pixel, one image at a time."""
        if self._bank is None:
            raise MethodError("knn-patches has no bank yet; call fit or load first")
        bank = self._bank.to(images.device)
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
            vectors, cells = describe(image, mask, self._settings)
            queries = torch.from_numpy(vectors).to(images.device)
            distances, _ = bank.nearest(queries, self._settings.neighbours)
            maps[i] = pixel_map(distances.mean(dim=1), cells, mask)
            scores[i] = mean_score(maps[i], mask)
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write the bank."""
        if self._bank is None:
            raise MethodError("knn-patches has no bank yet; call fit or load first")
        with (folder / "bank.npz").open("wb") as handle:
            np.savez(handle, vectors=self._bank.vectors.cpu().numpy())

    def load(self, folder: Path) -> None:
        """Read the bank."""
        with np.load(folder / "bank.npz", allow_pickle=False) as kept:
            self._bank = Bank(torch.from_numpy(kept["vectors"]))


def describe(
    image: FloatArray, mask: BoolArray, settings: PatchSettings
) -> tuple[FloatArray, torch.Tensor]:
    """Describe the surroundings of each foreground cell.

    Args:
        image: (C, H, W) float32.
        mask: (H, W) bool.
        settings: scales and the weight of the place.

    Returns:
        (P, scales * 9 * C + 2) float32, scaled so that the squared distance of two is the sum
        over scales of their mean squared difference, and of their places'; and the cells,
        (h, w) bool with P True.
    """
    channels, *sides = image.shape
    every = -(-max(sides) // LARGEST_GRID)
    rows, columns = np.mgrid[every // 2 : sides[0] : every, every // 2 : sides[1] : every]
    cells = foreground_cells(mask, *rows.shape)
    rows, columns = rows[cells.numpy()], columns[cells.numpy()]
    parts = []
    for scale in range(settings.scales):
        step = max(1, round(settings.finest * 2**scale * max(sides)))
        means = uniform_filter(image, size=(0, step, step), mode="constant")
        padded = np.pad(means, ((0, 0), (step, step), (step, step)))
        parts += [
            padded[:, rows + down, columns + right]
            for down in (0, step, 2 * step)
            for right in (0, step, 2 * step)
        ]
    place = np.stack(
        [
            (index - (box.start or 0)) / ((box.stop or side) - (box.start or 0))
            for index, box, side in zip((rows, columns), bounding_box(mask), sides, strict=True)
        ]
    )
    patches = np.concatenate(parts) / np.sqrt(9 * channels)
    joined = np.concatenate([patches, settings.position * place])
    vectors: FloatArray = np.ascontiguousarray(joined.T, dtype=np.float32)
    return vectors, cells
