"""Methods of classical statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.transform import resize
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Prediction, Run
from bench.errors import MethodError
from methods.foreground import mean_score
from methods.settings import GaussianSettings

Array = npt.NDArray[np.float64]

SIGNATURE_SIDE = 12
MOST_CLUSTERED = 10_000
CHUNK = 64
SMALLEST_SD = 1e-3  # of intensities from 0 to 1: constant images must not divide by 0


class Gaussian:
    """An atlas: every pixel's mean and standard deviation over the normal images.

    Images are slices from all heights and come without their position, so one atlas over all of
    them would be blurred to nothing. They are grouped by k-means on a coarse signature (the
    foreground and the image at 12 x 12 pixels), each group gets an atlas, and a test image is
    compared with that of the nearest group: ``|z|``, the root mean square over channels. The
    image score is the map's mean over the foreground.

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
        """Group the images and learn each group's atlas; reads the images twice."""
        signatures = np.concatenate(
            [_signatures(images, masks) for images, masks in _chunks(normal)]
        )
        centres = _centres(signatures, self._settings.templates)
        groups = np.array([_nearest(centres, one) for one in signatures])
        run.logger.info("images per group: %s", np.bincount(groups, minlength=len(centres)))
        mean, sd = _atlas(normal, groups, len(centres), self._settings.prior_images)
        self._atlas = {"centres": centres, "mean": mean, "sd": sd}

    def predict(self, images: Images) -> Prediction:
        """Compare each image with the atlas of its group."""
        if not self._atlas:
            raise MethodError("gaussian has no atlas yet; call fit or load first")
        mean, sd = self._atlas["mean"], self._atlas["sd"]
        maps = np.zeros(images.masks.shape, dtype=np.float32)
        scores = np.empty(len(images), dtype=np.float32)
        for i, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
            signature = _signatures(image[None], mask[None])[0]
            group = _nearest(self._atlas["centres"], signature)
            z = (image - mean[group]) / sd[group]
            maps[i] = np.where(mask, np.sqrt(np.mean(z**2, axis=0)), 0)
            scores[i] = mean_score(maps[i], mask)
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        """Write the atlas."""
        with (folder / "atlas.npz").open("wb") as handle:
            np.savez(handle, **self._atlas)  # type: ignore[arg-type]

    def load(self, folder: Path) -> None:
        """Read the atlas."""
        with np.load(folder / "atlas.npz", allow_pickle=False) as kept:
            self._atlas = {name: kept[name] for name in kept.files}


def _chunks(normal: NormalImages) -> Iterator[tuple[FloatArray, BoolArray]]:
    for start in range(0, len(normal), CHUNK):
        where = slice(start, start + CHUNK)
        yield np.asarray(normal.images[where]), np.asarray(normal.masks[where])


def _signatures(images: FloatArray, masks: BoolArray) -> FloatArray:
    """(N, C, H, W) and (N, H, W) to (N, F): what an image roughly looks like."""
    layers = np.concatenate([masks[:, None].astype(np.float32), images], axis=1)
    shape = (layers.shape[1], SIGNATURE_SIDE, SIGNATURE_SIDE)
    coarse = [
        resize(one, shape, order=1, anti_aliasing=True)  # type: ignore[no-untyped-call]
        for one in layers
    ]
    return np.stack(coarse).reshape(len(images), -1).astype(np.float32)


def _centres(signatures: FloatArray, count: int) -> FloatArray:
    """K-means centres of at most `MOST_CLUSTERED` evenly spaced signatures."""
    chosen = signatures[:: -(-len(signatures) // MOST_CLUSTERED)]
    distinct = len(np.unique(chosen, axis=0))
    # One thread: scikit-learn adds the threads' sums in the order in which they finish.
    with threadpool_limits(1):
        found = KMeans(min(count, distinct), n_init=4, random_state=0).fit(chosen)
    centres: FloatArray = found.cluster_centers_.astype(np.float32)
    return centres


def _nearest(centres: FloatArray, signature: FloatArray) -> int:
    return int(((centres - signature) ** 2).sum(axis=1).argmin())


def _atlas(
    normal: NormalImages, groups: npt.NDArray[np.intp], count: int, prior: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation, both (groups, C, H, W), of the foreground of each pixel."""
    shape = (count, *normal.images.shape[1:])
    covered = np.zeros((count, 1, *shape[2:]))
    total, squares = np.zeros(shape), np.zeros(shape)
    start = 0
    for images, masks in _chunks(normal):
        for image, mask in zip(images.astype(np.float64) * masks[:, None], masks, strict=True):
            group = groups[start]
            covered[group, 0] += mask
            total[group] += image
            squares[group] += image**2
            start += 1
    pixels = np.maximum(covered.sum(axis=(2, 3), keepdims=True), 1)
    usual = total.sum(axis=(2, 3), keepdims=True) / pixels
    mean = (total + prior * usual) / (covered + prior)
    # Around the shrunken mean, so that a pixel seen once still has a spread.
    spread = np.maximum(squares - 2 * mean * total + covered * mean**2, 0)
    usual_spread = spread.sum(axis=(2, 3), keepdims=True) / pixels
    variance = (spread + prior * usual_spread) / (covered + prior)
    sd = np.sqrt(np.maximum(variance, SMALLEST_SD**2))
    return mean.astype(np.float32), sd.astype(np.float32)
