"""A Gaussian per pixel: how far an image is from the mean of the normal images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from skimage.transform import resize
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.classical.settings import GaussianSettings
from methods.shared.foreground import mean_score

SIGNATURE_SIDE = 12
MOST_CLUSTERED = 10_000
SMALLEST_SD = 1e-3  # of intensities from 0 to 1: constant images must not divide by 0


class Gaussian:
    """An atlas: every pixel's mean and standard deviation over the normal images.

    Images are slices from all heights and come without their position, so one atlas over all of
    them would be blurred to nothing. They are grouped by k-means on a coarse signature (the
    foreground and the image at 12 x 12 pixels), each group gets an atlas, and a test image is
    compared with that of the nearest group: z, with its sign; of several channels their root mean
    square with the sign of their mean. The image score is the mean of |z| over the foreground.

    Only images whose foreground covers a pixel count for it, and a pixel's mean and variance
    are drawn towards the group's overall values, as if ``prior_images`` more images had shown
    those: so rarely covered pixels (the rim) and constant ones get no huge z.

    Args:
        config: `GaussianSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = GaussianSettings.model_validate(dict(config))
        self._atlas: dict[str, FloatArray] = {}

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Group the images and learn each group's atlas; memory does not grow with them."""
        every = max(1, -(-len(normal) // MOST_CLUSTERED))
        signatures = [
            _signature(normal.images[i], normal.masks[i]) for i in range(0, len(normal), every)
        ]
        centres = _centres(signatures, self._settings.templates)
        mean, sd = _atlas(normal, centres, self._settings.prior_images)
        self._atlas = {"centres": centres, "mean": mean, "sd": sd}

    def predict(self, images: Images) -> Prediction:
        """Compare each image with the atlas of its group."""
        if not self._atlas:
            raise MethodError("gaussian has no atlas yet; call fit or load first")
        mean, sd = self._atlas["mean"], self._atlas["sd"]
        maps = np.zeros(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
            group = _nearest(self._atlas["centres"], _signature(image, mask))
            z = (image - mean[group]) / sd[group]
            size = np.sqrt(np.mean(z**2, axis=0))
            maps[i] = np.where(mask, np.copysign(size, z.mean(axis=0)), 0)
            scores[i] = mean_score(np.abs(maps[i]), mask)
        return Prediction(maps, scores, signed=True)

    def save(self, folder: Path) -> None:
        """Write the atlas."""
        with (folder / "atlas.npz").open("wb") as handle:
            np.savez(handle, **self._atlas)  # type: ignore[arg-type]

    def load(self, folder: Path) -> None:
        """Read the atlas."""
        with np.load(folder / "atlas.npz", allow_pickle=False) as kept:
            self._atlas = {name: kept[name] for name in kept.files}


def _signature(image: FloatArray, mask: BoolArray) -> FloatArray:
    """What an image roughly looks like: its mask and channels at a few pixels, (F,)."""
    layers = np.concatenate([mask[None].astype(np.float32), image])
    shape = (len(layers), SIGNATURE_SIDE, SIGNATURE_SIDE)
    coarse = resize(layers, shape, order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
    signature: FloatArray = coarse.ravel().astype(np.float32)
    return signature


def _centres(signatures: list[FloatArray], count: int) -> FloatArray:
    if not signatures:
        raise MethodError("there are no normal images to learn from")
    distinct = len(np.unique(signatures, axis=0))
    # One thread: scikit-learn adds the threads' sums in the order in which they finish.
    with threadpool_limits(1):
        found = KMeans(min(count, distinct), n_init=4, random_state=0).fit(np.stack(signatures))
    centres: FloatArray = found.cluster_centers_.astype(np.float32)
    return centres


def _nearest(centres: FloatArray, signature: FloatArray) -> int:
    return int(((centres - signature) ** 2).sum(axis=1).argmin())


def _atlas(
    normal: NormalImages, centres: FloatArray, prior: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation, both (groups, C, H, W), of the foreground of each pixel."""
    shape = (len(centres), *normal.images.shape[1:])
    covered = np.zeros((len(centres), 1, *shape[2:]))
    total, squares = np.zeros(shape), np.zeros(shape)
    for image, mask in zip(normal.images, normal.masks, strict=True):
        group = _nearest(centres, _signature(image, mask))
        inside = image.astype(np.float64) * mask
        covered[group, 0] += mask
        total[group] += inside
        squares[group] += inside**2
    pixels = np.maximum(covered.sum(axis=(2, 3), keepdims=True), 1)
    usual = total.sum(axis=(2, 3), keepdims=True) / pixels
    mean = (total + prior * usual) / (covered + prior)
    # Around the shrunken mean, so that a pixel seen once still has a spread.
    spread = np.maximum(squares - 2 * mean * total + covered * mean**2, 0)
    usual_spread = spread.sum(axis=(2, 3), keepdims=True) / pixels
    variance = (spread + prior * usual_spread) / (covered + prior)
    sd = np.sqrt(np.maximum(variance, SMALLEST_SD**2))
    return mean.astype(np.float32), sd.astype(np.float32)
