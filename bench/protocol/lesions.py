"""Metrics that count lesions, over subjects: at the calibrated threshold, and at the oracle's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.metrics.regions import (
    calibrated_threshold,
    lesion_counts,
    oracle_thresholds,
)
from bench.metrics.table import METRICS
from bench.protocol.cases import check_finite, dimensions_of, pixels_of, region_of
from bench.store.predictions import SubjectPrediction

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def calibrate(protocol: ProtocolCard, validation: Iterator[SubjectPrediction]) -> float | None:
    """The threshold from normal validation images; None without any."""
    found = []
    for prediction in validation:
        if prediction.maps is not None:
            scores = prediction.maps[region_of(protocol, prediction)]
            check_finite(prediction.subject, scores)
            found.append(scores)
    scores = np.concatenate(found) if found else np.empty(0, np.float32)
    return calibrated_threshold(scores) if scores.size else None


class Tally:
    """Lesions and predicted components of all subjects, counted at each threshold.

    Args:
        protocol: which of the metrics are asked for, and how components are made.
        calibrated: threshold from normal validation images; None where there are none. The
            oracle tries it too, so that the oracle is never the worse of the two.
        scores: of all lesion pixels, (n,): where the oracle may cut.
    """

    def __init__(
        self, protocol: ProtocolCard, calibrated: float | None, scores: npt.NDArray[np.float32]
    ) -> None:
        self._protocol = protocol
        metrics = [METRICS[name] for name in protocol.metrics]
        self._calibrated = [m for m in metrics if m.needs_validation and calibrated is not None]
        self._oracle = [m for m in metrics if m.threshold == "oracle"]
        self._thresholds = [calibrated] if calibrated is not None and self._calibrated else []
        if self._oracle:
            self._thresholds += oracle_thresholds(scores).tolist()
        self._counts: list[Counts] = []

    def add(self, prediction: SubjectPrediction) -> dict[str, float]:
        """Count one subject; its own values, none where it has no lesion."""
        maps, truth, inside = pixels_of(self._protocol, prediction)
        counts = lesion_counts(
            truth,
            ((maps > np.float32(threshold)) & inside for threshold in self._thresholds),
            dimensions=dimensions_of(self._protocol, prediction),
            min_component=self._protocol.min_component,
        )
        self._counts.append(counts)
        own = self._scores(counts) if truth.any() else {}
        return {name: float(value) for name, value in own.items()}

    def values(self) -> dict[str, float]:
        """Values over all lesions and components of all subjects together."""
        pooled = self._scores(np.sum(self._counts, axis=0))
        return {name: float(value) for name, value in pooled.items()}

    def resampled(self, draws: Counts) -> dict[str, Floats]:
        """(R,) values per metric when subjects are drawn as often as (R, G) draws say."""
        return self._scores(np.tensordot(draws, np.stack(self._counts), axes=1))

    def _scores(self, counts: Counts) -> dict[str, Floats]:
        if not self._thresholds:
            return {}
        values = {one.name: one.load()(counts)[..., 0] for one in self._calibrated}
        for one in self._oracle:
            tried = one.load()(counts)
            values[one.name] = tried.max(-1) if one.higher_is_better else tried.min(-1)
        return values
