"""What is counted per subject beside ranks: lesions, pixels at a threshold, candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.metrics.candidates import Candidates, FrocCounts, find_candidates
from bench.metrics.overlap import pixel_counts
from bench.metrics.table import METRICS
from bench.protocol import lesions
from bench.protocol.cases import Scores, counted_by, dimensions_of, pixels_of
from bench.stats.intervals import mean_interval
from bench.store.predictions import SubjectPrediction
from bench.store.records import HealthyVolume

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


class Tally(Protocol):
    """Counts of all subjects, and the metrics that follow from them."""

    def add(self, prediction: SubjectPrediction) -> dict[str, float]:
        """Count one subject; its own values, none where they are undefined."""

    def values(self) -> dict[str, float]:
        """Values over all subjects together."""

    def resampled(self, draws: Counts) -> dict[str, Floats]:
        """(R,) values per metric when subjects are drawn as often as (R, G) draws say."""

    def healthy(self) -> dict[str, HealthyVolume]:
        """Volume of false positives in healthy subjects, by what the threshold is set at."""


def tallies_of(
    protocol: ProtocolCard, calibrated: Mapping[float, float], lesion_scores: Scores
) -> list[Tally]:
    """What the protocol's metrics ask for.

    Args:
        protocol: whose metrics.
        calibrated: thresholds of normal validation images, by their rates.
        lesion_scores: of all lesion pixels, (n,): where an oracle may cut.
    """
    found: list[Tally] = []
    counted = counted_by(protocol)
    if "lesions" in counted:
        found.append(lesions.Tally(protocol, calibrated, lesion_scores))
    if "pixels" in counted:
        found.append(PixelTally(protocol, calibrated))
    if "candidates" in counted:
        found.append(CandidateTally(protocol))
    return found


class PixelTally:
    """Pixels of all subjects on either side of thresholds of normal validation images.

    Args:
        protocol: which of the metrics are asked for, and which pixels count.
        calibrated: thresholds by their rates; empty where there are none.
    """

    def __init__(self, protocol: ProtocolCard, calibrated: Mapping[float, float]) -> None:
        self._protocol = protocol
        wanted = [METRICS[name] for name in protocol.metrics]
        self._metrics = [m for m in wanted if m.counts == "pixels" and m.rate in calibrated]
        self._thresholds = [calibrated[one.rate] for one in self._metrics]
        self._counts: list[Counts] = []
        self._voxel_ml: dict[str, float] = {}

    def add(self, prediction: SubjectPrediction) -> dict[str, float]:
        """Count one subject; its own values, without those that it has no pixels for."""
        maps, truth, inside = pixels_of(self._protocol, prediction)
        counts = pixel_counts(truth[inside], maps[inside], self._thresholds)
        self._counts.append(counts)
        geometry = prediction.geometry
        # After `size` the spacing is no longer that of the pixels.
        known = geometry is not None and self._protocol.size is None
        volume = float(np.prod(geometry.spacing_mm)) / 1000 if geometry and known else np.nan
        self._voxel_ml[prediction.subject] = volume
        own = {name: float(value) for name, value in self._values(counts).items()}
        return {name: value for name, value in own.items() if not np.isnan(value)}

    def values(self) -> dict[str, float]:
        """Values over the pixels of all subjects together."""
        pooled = self._values(np.sum(self._counts, axis=0))
        return {name: float(value) for name, value in pooled.items()}

    def resampled(self, draws: Counts) -> dict[str, Floats]:
        """(R,) values per metric when subjects are drawn as often as (R, G) draws say."""
        return self._values(np.tensordot(draws, np.stack(self._counts), axes=1))

    def healthy(self) -> dict[str, HealthyVolume]:
        """Volume above each threshold in subjects without lesions, by the threshold's rate."""
        made = {}
        for at, metric in enumerate(self._metrics):
            each = {
                subject: float(counts[at, 1] * volume)
                for (subject, volume), counts in zip(
                    self._voxel_ml.items(), self._counts, strict=True
                )
                if not counts[at, 2] and counts[at, 3] and not np.isnan(volume)
            }
            if each:
                low, high = mean_interval([*each.values()]) or (None, None)
                mean = float(np.mean([*each.values()]))
                made[f"{metric.rate:g}"] = HealthyVolume(
                    mean_ml=mean, low_ml=low, high_ml=high, per_subject=each
                )
        return made

    def _values(self, counts: Counts) -> dict[str, Floats]:
        return {one.name: one.load()(counts)[..., at] for at, one in enumerate(self._metrics)}


class CandidateTally:
    """Candidates of all subjects, for FROC.

    Args:
        protocol: which of the metrics are asked for, and what a scan is.
    """

    def __init__(self, protocol: ProtocolCard) -> None:
        self._protocol = protocol
        wanted = [METRICS[name] for name in protocol.metrics]
        self._metrics = {m.name: m.load() for m in wanted if m.counts == "candidates"}
        self._found: dict[str, Candidates] = {}

    def add(self, prediction: SubjectPrediction) -> dict[str, float]:
        """Count one subject; its own values, none where it has no lesion."""
        maps, truth, inside = pixels_of(self._protocol, prediction)
        dimensions = dimensions_of(self._protocol, prediction)
        one = find_candidates(truth, maps, inside, dimensions=dimensions)
        self._found[prediction.subject] = one
        return _sensitivities(self._metrics, {"": one}) if one.found.size else {}

    def values(self) -> dict[str, float]:
        """Values over all lesions and scans of all subjects together."""
        return _sensitivities(self._metrics, self._found)

    def resampled(self, draws: Counts) -> dict[str, Floats]:
        """(R,) values per metric when subjects are drawn as often as (R, G) draws say."""
        counts = FrocCounts(self._found)
        return {
            name: counts.resample(rates, draws).mean(axis=0)
            for name, rates in self._metrics.items()
        }

    def healthy(self) -> dict[str, HealthyVolume]:
        """Nothing: peaks have no volume."""
        return {}


def _sensitivities(
    metrics: Mapping[str, tuple[float, ...]], found: Mapping[str, Candidates]
) -> dict[str, float]:
    counts = FrocCounts(found)
    return {name: float(counts.values(rates).mean()) for name, rates in metrics.items()}
