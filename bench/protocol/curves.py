"""ROC and precision-recall curves of kept predictions, as a protocol ranks them."""

from __future__ import annotations

from bench.cards import ProtocolCard
from bench.errors import UndefinedMetric
from bench.metrics.counts import RankingCounts
from bench.metrics.curves import Curves, ranking_curves
from bench.protocol.cases import NotApplicable, cases_of
from bench.protocol.held import Passes
from bench.protocol.postprocess import processed_passes


def protocol_curves(protocol: ProtocolCard, predictions: Passes) -> Curves | None:
    """Curves over all test cases together.

    Args:
        protocol: one that pools; an average over subjects has no single curve.
        predictions: gives a fresh pass over the test subjects.

    Returns:
        None where the protocol does not apply, does not pool, or ranks by position too.

    Raises:
        MetricError: a map or score is NaN or infinite.
    """
    if protocol.pool != "pooled" or protocol.match or protocol.standardise:
        return None
    try:
        with processed_passes(protocol, predictions) as passes:
            cases = (cases_of(protocol, one) for one in passes())
            counts = RankingCounts({one.subject: one.scores[one.labels] for one in cases})
            for one in (cases_of(protocol, subject) for subject in passes()):
                counts.add(one.subject, one.labels, one.scores)
            return ranking_curves(counts)
    except (NotApplicable, UndefinedMetric):
        return None
