"""Metrics that count lesions, over subjects: at the calibrated threshold, and at the oracle's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.metrics.regions import lesion_counts, oracle_thresholds
from bench.metrics.table import METRICS
from bench.protocol.cases import dimensions_of, pixels_of
from bench.store.predictions import SubjectPrediction
from bench.store.records import HealthyVolume

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class Tally:
    """Lesions and predicted components of all subjects, counted at each threshold.

    Args:
        protocol: which of the metrics are asked for, and how components are made.
        calibrated: thresholds from normal validation images, by their rates; empty where there
            are none. The oracle tries that of the lesion metrics too, so that it is never the
            worse of the two.
        scores: of all lesion pixels, (n,): where the oracle may cut.
    """

    def __init__(
        self,
        protocol: ProtocolCard,
        calibrated: Mapping[float, float],
        scores: npt.NDArray[np.float32],
    ) -> None:
        self._protocol = protocol
        metrics = [m for name in protocol.metrics if (m := METRICS[name]).counts == "lesions"]
        found = [m for m in metrics if m.needs_validation and m.rate in calibrated]
        self._oracle = [m for m in metrics if m.threshold == "oracle"]
        rates = list(dict.fromkeys(one.rate for one in found))
        self._calibrated = [(one, rates.index(one.rate)) for one in found]
        self._thresholds = [calibrated[rate] for rate in rates]
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

    def healthy(self) -> dict[str, HealthyVolume]:
        """Nothing: components are counted, not measured."""
        return {}

    def _scores(self, counts: Counts) -> dict[str, Floats]:
        if not self._thresholds:
            return {}
        values = {one.name: one.load()(counts)[..., at] for one, at in self._calibrated}
        for one in self._oracle:
            tried = one.load()(counts)
            values[one.name] = tried.max(-1) if one.higher_is_better else tried.min(-1)
        return values
