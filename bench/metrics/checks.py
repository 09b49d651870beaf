"""Checks of labels and scores, shared by all metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError

Array = npt.NDArray[np.generic]
Reals = npt.NDArray[np.number[Any]]


def as_pair(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Array, Array]:
    """Both flat, of equal shape."""
    truth, values = np.asarray(labels), np.asarray(scores)
    if truth.shape != values.shape:
        raise MetricError(f"labels {truth.shape} and scores {values.shape} differ in shape")
    return truth.ravel(), values.ravel()


def as_truth(labels: Array) -> npt.NDArray[np.bool_]:
    """Labels as bool; MetricError where a value is neither 0 nor 1."""
    if labels.dtype == np.bool_:
        return labels.astype(np.bool_, copy=False)
    if labels.dtype.kind not in "iuf":
        raise MetricError(f"labels must be bool or numbers 0 and 1, found type {labels.dtype}")
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        raise MetricError(f"labels must be 0 or 1, found {labels[wrong][0]}")
    truth: npt.NDArray[np.bool_] = labels != 0
    return truth


def as_scores(scores: Array) -> Reals:
    """Scores flat, finite and of a type that sorts fast; MetricError where that is impossible."""
    flat = np.ravel(scores)
    if flat.dtype.kind not in "biuf":
        raise MetricError(f"scores must be real numbers, found type {flat.dtype}")
    values: Reals = flat.astype(np.uint8 if flat.dtype.kind == "b" else flat.dtype, copy=False)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)]
        raise MetricError(f"scores must be finite, found {wrong.size} NaN or infinite values")
    return values.astype(np.float32) if values.dtype == np.float16 else values
