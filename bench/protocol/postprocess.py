"""Post-processing that a protocol asks for: resize, smooth, absolute value, erode, median."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.protocol.cases import check_finite, need_stack
from bench.protocol.held import Passes, held
from bench.protocol.parts import within
from bench.store.predictions import SubjectPrediction

_STEPS = (
    "size",
    "smoothing",
    "absolute",
    "erosion",
    "erosion_dimensions",
    "median",
    "median_dimensions",
)


def steps_of(protocol: ProtocolCard) -> tuple[object, ...]:
    """What of a protocol decides what is left afterwards, and how its maps look if it has any."""
    steps = tuple(getattr(protocol, name) for name in _STEPS) if protocol.needs_maps else ()
    return (protocol.slices, *steps)


@contextmanager
def processed_passes(protocol: ProtocolCard, predictions: Passes) -> Iterator[Passes]:
    """Passes over predictions as the protocol sees them; each subject is processed once.

    Without steps, passes are those that were given: hold them (`bench.protocol.held`) where each
    would read files.
    """
    with _stepped_passes(protocol, predictions) as passes:
        yield passes if protocol.slices is None else lambda: (_cut(protocol, o) for o in passes())


@contextmanager
def _stepped_passes(protocol: ProtocolCard, predictions: Passes) -> Iterator[Passes]:
    steps = protocol.size is not None or protocol.smoothing or protocol.erosion
    if not protocol.needs_maps:
        yield predictions
        return
    if not (steps or protocol.median > 1):
        yield lambda: map(_unsigned, predictions())
        return
    with held(processed(protocol, one) for one in predictions()) as passes:
        yield passes


def _cut(protocol: ProtocolCard, prediction: SubjectPrediction) -> SubjectPrediction:
    if protocol.slices is None or (protocol.level == "pixel" and prediction.maps is None):
        return prediction  # that there are no maps is the first reason to give
    return within(prediction, protocol.slices)


def processed(protocol: ProtocolCard, prediction: SubjectPrediction) -> SubjectPrediction:
    """The prediction after the protocol's steps; maps, if there are any, are no longer signed.

    Raises:
        NotApplicable: a step on the stack meets single images.
        MetricError: a map value is NaN or infinite.
    """
    from scipy import ndimage

    if prediction.maps is None:
        return prediction  # a protocol of the same steps may rank the detector's own scores
    check_finite(prediction.subject, prediction.maps)
    maps, masks, labels = prediction.maps, prediction.masks, prediction.labels
    ignored = prediction.ignored
    if protocol.size is not None:
        maps = _resized(maps, protocol.size, order=1).astype(np.float32)
        masks = _resized(masks, protocol.size, order=0).astype(np.bool_)
        labels = None if labels is None else _resized(labels, protocol.size, 0).astype(np.bool_)
        ignored = None if ignored is None else _resized(ignored, protocol.size, 0).astype(np.bool_)
    if prediction.signed and protocol.absolute == "before":
        maps = np.abs(maps)
    if protocol.smoothing:
        maps = _smoothed(maps, masks, protocol.smoothing)
    if prediction.signed:
        maps = np.abs(maps)
    if protocol.erosion:
        if protocol.erosion_dimensions == 3:
            need_stack(prediction, "erosion")
        cross = ndimage.generate_binary_structure(protocol.erosion_dimensions, 1)
        structure = cross.reshape((-1, 3, 3))
        masks = ndimage.binary_erosion(masks, structure, iterations=protocol.erosion)
    if protocol.erosion or protocol.median > 1:
        # What a method says of the background must not leak into the brain's rim.
        lowest = maps.min(initial=np.inf, where=masks) if masks.any() else maps.min(initial=0)
        maps = np.where(masks, maps, np.float32(lowest))
    if protocol.median > 1:
        if protocol.median_dimensions == 3:
            need_stack(prediction, "median filter")
        depth = protocol.median if protocol.median_dimensions == 3 else 1
        maps = ndimage.median_filter(maps, size=(depth, protocol.median, protocol.median))
    return replace(prediction, maps=maps, masks=masks, labels=labels, ignored=ignored, signed=False)


def _unsigned(prediction: SubjectPrediction) -> SubjectPrediction:
    return replace(prediction, maps=prediction.unsigned_maps, signed=False)


def _smoothed(
    maps: npt.NDArray[np.float32], masks: npt.NDArray[np.bool_], smoothing: float
) -> npt.NDArray[np.float32]:
    """Smooth each image within its foreground by normalised convolution."""
    from scipy import ndimage

    sd = smoothing * max(maps.shape[1:])
    result = maps.copy()
    for at, (map_, mask) in enumerate(zip(maps, masks, strict=True)):
        if not mask.any():
            continue
        # All is 0 beyond the mask, so its box alone gives the same sums, bit by bit.
        box = _box(mask)
        part = mask[box]
        weight = ndimage.gaussian_filter(part.astype(np.float64), sd, mode="constant")
        inside = np.where(part, map_[box], 0).astype(np.float64)
        blurred = ndimage.gaussian_filter(inside, sd, mode="constant")
        result[at][mask] = blurred[part] / weight[part]
    return result


def _box(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest box around an image's foreground, of which there is some."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _resized(stack: npt.NDArray[np.generic], size: int, order: int) -> npt.NDArray[np.generic]:
    from scipy import ndimage

    if stack.shape[1:] == (size, size):
        return stack
    factors = (1.0, size / stack.shape[1], size / stack.shape[2])
    numbers = stack.astype(np.float32)
    resized: npt.NDArray[np.generic] = ndimage.zoom(
        numbers, factors, order=order, mode="nearest", grid_mode=True
    )
    return resized
