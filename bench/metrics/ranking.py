"""Exact ranking metrics at any size: average precision, AUROC, false-positive rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError
from bench.metrics.counts import Floats, Measure, Stretch, count


def _precision_part(s: Stretch) -> Floats:
    # tp + fp is 0 only where no drawn subject has come up yet, and tp_gain is 0 there.
    precision = s.tp / np.maximum(s.tp + s.fp, 1.0)
    total: Floats = np.einsum("rk,rk->r", s.tp_gain, precision) / s.positives[:, 0]
    return total


def _auroc_part(s: Stretch) -> Floats:
    beaten = 2.0 * s.negatives - s.fp_before - s.fp  # half credit for ties
    pairs = 2.0 * s.positives[:, 0] * s.negatives[:, 0]
    share: Floats = np.einsum("rk,rk->r", s.tp_gain, beaten) / pairs
    return share


AP = Measure(_precision_part, np.add)
AUROC = Measure(_auroc_part, np.add)


def fpr_measure(tpr: float) -> Measure:
    """The false-positive rate at the highest threshold whose TP are ``tpr`` of the positives."""

    def part(s: Stretch) -> Floats:
        enough = s.tp >= tpr * s.positives * (1.0 - 1e-12)
        lowest: Floats = np.where(enough, s.fp, np.inf).min(axis=1)
        return lowest / s.negatives[:, 0]

    return Measure(part, np.minimum)


FPR_AT_TPR = fpr_measure(0.95)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Average precision: the step-wise sum over distinct thresholds, ties exact.

    A constant score gives the prevalence.

    Args:
        labels: bool, or numbers 0 and 1; any shape.
        scores: same shape, any real type, finite; higher is more positive.

    Returns:
        From 0 to 1; the chance level is the prevalence.

    Raises:
        MetricError: shapes differ, a label is neither 0 nor 1, a score is NaN or infinite.
        UndefinedMetric: empty, or one class only.

    Source:
        ``sklearn.metrics.average_precision_score``, equal within 1e-12.

    Example:
        >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
        0.8333
    """
    return count(labels, scores).value(AP)


def auroc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the ROC curve, with half credit for ties.

    A constant score gives 0.5.

    Args:
        labels: bool, or numbers 0 and 1; any shape.
        scores: same shape, any real type, finite; higher is more positive.

    Returns:
        From 0 to 1; the chance level is 0.5.

    Raises:
        MetricError: shapes differ, a label is neither 0 nor 1, a score is NaN or infinite.
        UndefinedMetric: empty, or one class only.

    Source:
        ``sklearn.metrics.roc_auc_score``, equal within 1e-12.

    Example:
        >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    return count(labels, scores).value(AUROC)


def ap_and_auroc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[float, float]:
    """`average_precision` and `auroc` of the same cases, ranked once for both.

    Args, Raises:
        As `average_precision`.

    Example:
        >>> ap_and_auroc([0, 1, 1, 1], [0.1, 0.4, 0.35, 0.8])
        (1.0, 1.0)
    """
    counts = count(labels, scores)
    return counts.value(AP), counts.value(AUROC)


def fpr_at_tpr(labels: npt.ArrayLike, scores: npt.ArrayLike, *, tpr: float = 0.95) -> float:
    """False-positive rate at the highest threshold whose TP are at least ``tpr`` of the positives.

    No interpolation: the threshold is one of the scores, and positives that tie with it are TP.

    Args:
        labels: bool, or numbers 0 and 1; any shape.
        scores: same shape, any real type, finite; higher is more positive.
        tpr: wanted share of positives, above 0 and at most 1.

    Returns:
        From 0 to 1; lower is better.

    Raises:
        MetricError: as `average_precision`, or ``tpr`` is out of range.
        UndefinedMetric: empty, or one class only.

    Example:
        >>> fpr_at_tpr([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.5
    """
    if not 0 < tpr <= 1:
        raise MetricError(f"tpr must be above 0 and at most 1, found {tpr}")
    return count(labels, scores).value(fpr_measure(tpr))
