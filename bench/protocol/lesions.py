"""Lesion-wise F1 over subjects: calibrated on normal validation images, and the oracle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.metrics.regions import (
    calibrated_threshold,
    f1_of_counts,
    lesion_counts,
    oracle_thresholds,
)
from bench.protocol.cases import check_finite, dimensions_of, pixels_of, region_of
from bench.store.predictions import SubjectPrediction

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

METRICS = frozenset({"lesion_f1", "oracle_lesion_f1"})


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
        calibrated: threshold for ``lesion_f1``; None where it cannot be had. The oracle tries
            it too, so that the oracle is never the worse one.
        scores: of all lesion pixels, (n,): where the oracle may cut.
    """

    def __init__(
        self, protocol: ProtocolCard, calibrated: float | None, scores: npt.NDArray[np.float32]
    ) -> None:
        self._protocol = protocol
        self._calibrated = calibrated is not None and "lesion_f1" in protocol.metrics
        self._oracle = "oracle_lesion_f1" in protocol.metrics
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
        """F1 over all lesions and components of all subjects together."""
        pooled = self._scores(np.sum(self._counts, axis=0))
        return {name: float(value) for name, value in pooled.items()}

    def resampled(self, draws: Counts) -> dict[str, Floats]:
        """(R,) values per metric when subjects are drawn as often as (R, G) draws say."""
        return self._scores(np.tensordot(draws, np.stack(self._counts), axes=1))

    def _scores(self, counts: Counts) -> dict[str, Floats]:
        if not self._thresholds:
            return {}
        scores = f1_of_counts(counts)
        values = {"lesion_f1": scores[..., 0]} if self._calibrated else {}
        return values | ({"oracle_lesion_f1": scores.max(axis=-1)} if self._oracle else {})
