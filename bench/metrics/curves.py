"""ROC and precision-recall curves from exact counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.metrics.counts import Floats, RankingCounts


@dataclass(frozen=True)
class Curves:
    """Both curves at the same thresholds, from the strictest to the loosest.

    Attributes:
        roc: (K, 2) float64, false-positive rate and true-positive rate, from (0, 0) to (1, 1).
        pr: (L, 2) float64, recall and precision at each distinct score of a positive.
    """

    roc: Floats
    pr: Floats


def ranking_curves(counts: RankingCounts, *, points: int = 120) -> Curves:
    """ROC and precision-recall curves, thinned for drawing.

    Every point lies exactly on its curve. What is left out lies between neighbours that are
    about one ``points``-th of a curve apart, so areas are to be taken from the metrics, not here.

    Args:
        counts: with all cases added.
        points: how many points each curve has, about.

    Raises:
        UndefinedMetric: one class only.
    """
    s = counts.pooled()
    tp, fp_before, fp = s.tp[0, ::-1], s.fp_before[0, ::-1], s.fp[0, ::-1]
    positives, negatives = float(s.positives[0, 0]), float(s.negatives[0, 0])
    before = np.append(0.0, tp[:-1])
    # Each threshold is entered at `fp_before`, and left, over a tie, at `fp`.
    false = np.stack([fp_before, fp], axis=1).ravel() / negatives
    true = np.stack([before, tp], axis=1).ravel() / positives
    roc = np.concatenate([[[0.0, 0.0]], np.stack([false, true], axis=1), [[1.0, 1.0]]])
    roc = roc[np.append(True, (np.diff(roc, axis=0) > 0).any(axis=1))]
    pr = np.stack([tp / positives, tp / (tp + fp)], axis=1)
    # Precision moves fast at small recall, so recall is also stepped through by its logarithm.
    kept = np.union1d(_thinned(pr[:, 0], points), _thinned(np.log(pr[:, 0]), points // 3))
    return Curves(roc=roc[_thinned(roc.sum(axis=1), points)], pr=pr[kept])


def _thinned(along: Floats, points: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Indices of about evenly spaced points of a rising sequence, with both ends."""
    wanted = np.linspace(along[0], along[-1], points)
    at = np.searchsorted(along, wanted).clip(0, along.size - 1)
    return np.unique(np.concatenate([[0], at, [along.size - 1]])).astype(np.intp)
