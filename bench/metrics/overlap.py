"""Overlap of a thresholded map with the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.metrics.counts import Floats, Measure, Stretch, count


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
