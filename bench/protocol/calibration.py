"""Thresholds from normal validation images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.cards import ProtocolCard
from bench.metrics.table import METRICS
from bench.protocol.cases import Scores, check_finite, region_of
from bench.protocol.held import Passes


def calibrated_thresholds(protocol: ProtocolCard, passes: Passes) -> dict[float, float]:
    """What a share of the pixels of normal validation images exceeds, per share.

    Each is the lowest score that at most this share exceeds, as
    `bench.metrics.calibrated_threshold` gives it. Memory is that of the highest scores alone.

    Args:
        protocol: whose metrics ask for thresholds, and whose region counts.
        passes: over the subjects, after the protocol's steps.

    Returns:
        By `Metric.rate`; empty where no metric asks, or there are no such images.
    """
    metrics = [METRICS[name] for name in protocol.metrics]
    rates = sorted({one.rate for one in metrics if one.needs_validation})
    if not rates:
        return {}
    total = sum(one.size for one in _scores(protocol, passes))
    if not total:
        return {}
    kept = int(rates[-1] * total) + 1
    highest = np.empty(0, np.float32)
    for scores in _scores(protocol, passes):
        both = np.concatenate([highest, scores])
        highest = np.partition(both, both.size - kept)[-kept:] if both.size > kept else both
    ranked = np.sort(highest)[::-1]
    return {rate: float(ranked[int(rate * total)]) for rate in rates}


def _scores(protocol: ProtocolCard, passes: Passes) -> Iterator[Scores]:
    """Of each validation subject, the scores that count."""
    for prediction in passes():
        if prediction.role == "validation" and prediction.maps is not None:
            scores = prediction.maps[region_of(protocol, prediction)]
            check_finite(prediction.subject, scores)
            yield scores
