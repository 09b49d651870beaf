"""Whether a detector has learned: its error on held-out normal images beside what knows nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.detector import Detector, FloatArray, Images, NormalImages, Reconstructs
from bench.errors import MethodError
from bench.execution.isolation import undisturbed
from bench.execution.pieces import Pieces
from bench.store.records import Learning

MOST_IMAGES = 128
"""Validation images that are looked at, evenly spaced: the error's third digit is not needed."""
_AT_ONCE = 256
NOT_JUDGED = "no normal image is there for validation, so nothing says whether it has learned"
"""What is said of a detector that reconstructs where `what_was_learned` has no images."""


def what_was_learned(
    detector: Detector, normal: NormalImages, device: str, method: str
) -> Learning | None:
    """Compare the error of a fitted detector with those of a constant and of the mean image.

    Being below them is necessary and not sufficient: a network that copies its input has no
    error and finds nothing.

    Args:
        detector: fitted on `normal`.
        normal: what it learned from, with validation images.
        device: where to compute.
        method: its name, for messages.

    Returns:
        None where the detector does not reconstruct, or where there are no validation images.

    Raises:
        MethodError: it breaks the contract of `Reconstructs`.
    """
    held_out = normal.validation
    if not isinstance(detector, Reconstructs) or held_out is None or not len(held_out):
        return None
    every = -(-len(held_out) // MOST_IMAGES)
    images, masks = np.array(held_out.images[::every]), np.array(held_out.masks[::every])

    def rebuilt(piece: Images) -> FloatArray:
        with undisturbed():
            found = detector.reconstructions(piece)
        fault = _fault(found, piece.images.shape)
        if fault:
            raise MethodError(
                f"{method}: reconstructions must be finite {piece.images.shape} float32, as the "
                f"images are; found {fault}",
                hint=f"bench test-method {method}",
            )
        return found

    found = np.concatenate(Pieces().ask(rebuilt, Images(images, masks, device)))
    return Learning(
        images=len(images),
        error=_error(images, found, masks),
        constant_error=_error(images, _medians(images, masks), masks),
        mean_image_error=_error(images, mean_image(normal), masks),
    )


def _fault(found: object, shape: tuple[int, ...]) -> str:
    """What is wrong with reconstructions, in words; empty where nothing is."""
    if not isinstance(found, np.ndarray):
        return type(found).__name__
    if found.shape != shape:
        return f"{found.shape} {found.dtype}"
    if not np.isfinite(found).all():
        return "NaN or infinite values, as of a network whose training diverged"
    return ""


def mean_image(normal: NormalImages) -> FloatArray:
    """The mean of normal images, each pixel over those whose foreground covers it.

    Args:
        normal: images (N, C, H, W).

    Returns:
        (C, H, W) float32; 0 where no image has foreground.
    """
    total = np.zeros(normal.images.shape[1:])
    covered = np.zeros(normal.masks.shape[1:])
    for start in range(0, len(normal), _AT_ONCE):
        inside = normal.masks[start : start + _AT_ONCE]
        part = normal.images[start : start + _AT_ONCE] * inside[:, None]
        total += part.sum(axis=0, dtype=np.float64)
        covered += inside.sum(axis=0)
    mean: FloatArray = (total / np.maximum(covered, 1)).astype(np.float32)
    return mean


def _medians(images: FloatArray, masks: npt.NDArray[np.bool_]) -> FloatArray:
    """Each image's median over its foreground, per channel, (N, C, 1, 1)."""
    middles = [
        np.median(image[:, mask], axis=1) if mask.any() else np.zeros(len(image))
        for image, mask in zip(images, masks, strict=True)
    ]
    found: FloatArray = np.stack(middles).astype(np.float32)[:, :, None, None]
    return found


def _error(images: FloatArray, other: FloatArray, masks: npt.NDArray[np.bool_]) -> float:
    """Mean absolute difference over foreground and channels; 0 without foreground."""
    size = np.abs(images - other).mean(axis=1, dtype=np.float64)
    return float(size[masks].mean()) if masks.any() else 0.0
