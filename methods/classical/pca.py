"""Reconstruction from the principal components of whole images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.transform import resize
from sklearn.decomposition import IncrementalPCA

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.classical.settings import PcaSettings
from methods.shared.foreground import bounding_box, mean_score
from methods.shared.residual import residual_map

BATCH = 256  # images in memory at once, or up to twice as many
MOST_IMAGES = 10_000
SMALLEST_SHARE = 1e-5  # of the largest singular value; below it is rounding, not a direction


class Pca:
    """Rebuilds images from few principal components; what these cannot show is anomalous.

    The images are framed first: the bounding box of the foreground is stretched to the whole
    image, so that a component does not have to tell large brains from small ones. The difference
    is taken in that frame and brought back; the map is its residual (see `residual_map`), the
    score the mean of its size over the foreground.

    Source: Turk and Pentland 1991 ("distance from face space"). Chosen here: the frame, the
    number of components, and scikit-learn's `IncrementalPCA` (Ross et al. 2008) over at most
    10 000 evenly spaced images, under 512 at a time, so that memory does not grow with them.

    Args:
        config: `PcaSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = PcaSettings.model_validate(dict(config))
        self._mean: FloatArray | None = None
        self._components: FloatArray | None = None

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Find mean (C, H, W) and components (K, C, H, W) of the framed images."""
        if not len(normal):
            raise MethodError("there are no normal images to learn from")
        shape = normal.images.shape[1:]
        mean, components = principal_components(normal, self._settings.components)
        self._mean, self._components = mean.reshape(shape), components.reshape(-1, *shape)

    def project(self, image: FloatArray) -> FloatArray:
        """Project a framed image on the subspace.

        Args:
            image: (C, H, W) float32.

        Returns:
            (C, H, W) float32.
        """
        if self._mean is None or self._components is None:
            raise MethodError("pca has no components yet; call fit or load first")
        components = self._components.reshape(len(self._components), image.size)
        weights = components @ (image - self._mean).ravel()
        rebuilt: FloatArray = self._mean + (weights @ components).reshape(image.shape)
        return rebuilt

    def predict(self, images: Images) -> Prediction:
        """Frame, rebuild and compare, one image at a time."""
        maps = np.empty(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
            maps[i] = residual_map(image, self._rebuilt(image, mask), mask, self._settings)
            scores[i] = mean_score(np.abs(maps[i]), mask)
        return Prediction(maps, scores, signed=self._settings.signed)

    def reconstructions(self, images: Images) -> FloatArray:
        """What the components make of the images, (N, C, H, W) float32; see `Reconstructs`."""
        pairs = zip(images.images, images.masks, strict=True)
        return np.stack([self._rebuilt(image, mask) for image, mask in pairs])

    def _rebuilt(self, image: FloatArray, mask: BoolArray) -> FloatArray:
        """Frame an image, project it and bring the difference back, (C, H, W)."""
        rows, columns = bounding_box(mask)
        framed = resized(image[:, rows, columns], image.shape)
        rebuilt = np.array(image)
        # The difference goes back, with its sign, not the reconstruction: that would count
        # the blur of two changes of size as anomalous.
        rebuilt[:, rows, columns] -= resized(
            framed - self.project(framed), rebuilt[:, rows, columns].shape
        )
        return rebuilt

    def save(self, folder: Path) -> None:
        """Write mean and components."""
        if self._mean is None or self._components is None:
            raise MethodError("pca has no components yet; call fit or load first")
        with (folder / "subspace.npz").open("wb") as handle:
            np.savez(handle, mean=self._mean, components=self._components)

    def load(self, folder: Path) -> None:
        """Read mean and components."""
        with np.load(folder / "subspace.npz", allow_pickle=False) as kept:
            self._mean, self._components = kept["mean"], kept["components"]


def principal_components(normal: NormalImages, most: int) -> tuple[FloatArray, FloatArray]:
    """Mean (D,) and at most `most` orthonormal components (K, D) of the framed images."""
    chosen = range(0, len(normal), -(-len(normal) // MOST_IMAGES))
    # N centred images span N - 1 dimensions; a single one has its mean alone.
    count = min(most, len(chosen) - 1)
    if count == 0:
        only = next(_batches(normal, chosen))[0]
        return only, np.empty((0, only.size), dtype=np.float32)
    model = IncrementalPCA(count)
    for batch in _batches(normal, chosen):
        model.partial_fit(batch)
    found = model.singular_values_ > SMALLEST_SHARE * model.singular_values_[0]
    components: FloatArray = model.components_[found].astype(np.float32)
    return model.mean_.astype(np.float32), components


def _batches(normal: NormalImages, chosen: range) -> Iterator[FloatArray]:
    """Framed images as rows; a batch takes images at equal steps, so that batches are alike."""
    count = max(1, len(chosen) // BATCH)
    for first in range(count):
        rows: list[npt.NDArray[np.float32]] = []
        for i in chosen[first::count]:
            box = bounding_box(normal.masks[i])
            image = normal.images[i]
            rows.append(resized(image[(slice(None), *box)], image.shape).ravel())
        yield np.stack(rows)


def resized(image: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Linear interpolation to another shape, blurred first where it shrinks."""
    result = resize(image, shape, order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
    as_float32: FloatArray = result.astype(np.float32)
    return as_float32
