"""Overlap of a thresholded map with the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.errors import UndefinedMetric
from bench.metrics.checks import as_pair, as_scores, as_truth
from bench.metrics.counts import Floats, Measure, Stretch, count
from bench.metrics.negatives import Counts


def _dice_part(s: Stretch) -> Floats:
    dice = 2.0 * s.tp / (s.tp + s.fp + s.positives)
    best: Floats = dice.max(axis=1)
    return best


# The best threshold is always the score of a positive: one between two of them only adds false
# positives to the upper one.
BEST_DICE = Measure(_dice_part, np.maximum)


def best_dice(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Dice at the best of all thresholds: an oracle, because test labels choose it.

    Args:
        labels: bool, or numbers 0 and 1; any shape.
        scores: same shape, any real type, finite; predicted where ``score >= threshold``.

    Returns:
        Above 0 and at most 1, exact; a constant score gives 2 p / (1 + p) for prevalence p.

    Raises:
        MetricError: shapes differ, a label is neither 0 nor 1, a score is NaN or infinite.
        UndefinedMetric: empty, or one class only.

    Example:
        >>> best_dice([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.8
    """
    return count(labels, scores).value(BEST_DICE)


def pixel_counts(
    labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], thresholds: npt.ArrayLike
) -> Counts:
    """What ``score > threshold`` calls a lesion, at several thresholds.

    Args:
        labels: (n,) bool, True is lesion.
        scores: (n,) of the same pixels.
        thresholds: (T,).

    Returns:
        (T, 4) int64: true positives, false positives, lesion pixels, normal pixels.
    """
    positives = int(np.count_nonzero(labels))
    rows = []
    for threshold in np.asarray(thresholds, dtype=scores.dtype):
        above = scores > threshold
        found = int(np.count_nonzero(above & labels))
        called = int(np.count_nonzero(above))
        rows.append([found, called - found, positives, labels.size - positives])
    return np.array(rows, dtype=np.int64).reshape(len(rows), 4)


def dice_of_counts(counts: npt.NDArray[np.number]) -> Floats:
    """Dice of a thresholded map.

    Args:
        counts: (..., 4) as `pixel_counts` gives them, or sums of such.

    Returns:
        (...) float64; NaN without lesion pixels.
    """
    tp, fp, positives, _ = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    there = np.where(positives > 0, positives, np.nan)
    dice: Floats = 2.0 * tp / (tp + fp + there)
    return dice


def fpr_of_counts(counts: npt.NDArray[np.number]) -> Floats:
    """The share of normal pixels that a thresholded map calls lesion.

    Args:
        counts: (..., 4) as `pixel_counts` gives them, or sums of such.

    Returns:
        (...) float64; NaN without normal pixels.
    """
    _, fp, _, negatives = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    rate: Floats = fp / np.where(negatives > 0, negatives, np.nan)
    return rate


def dice_at(labels: npt.ArrayLike, scores: npt.ArrayLike, threshold: float) -> float:
    """Dice of ``score > threshold``.

    Args:
        labels: bool, or numbers 0 and 1; any shape.
        scores: same shape, any real type, finite.
        threshold: take it from normal validation images: `calibrated_threshold`.

    Returns:
        From 0 to 1.

    Raises:
        MetricError: shapes differ, a label is neither 0 nor 1, a score is NaN or infinite.
        UndefinedMetric: there is no lesion pixel.

    Example:
        >>> dice_at([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.3)
        0.8
    """
    given, values = as_pair(labels, scores)
    truth = as_truth(given)
    if not truth.any():
        raise UndefinedMetric("there is no lesion pixel")
    checked = as_scores(values).astype(np.float64)
    return float(dice_of_counts(pixel_counts(truth, checked, [threshold]))[0])
