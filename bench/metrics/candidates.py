"""FROC: the share of lesions found, against false positives per scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError, UndefinedMetric
from bench.metrics.counts import Floats
from bench.metrics.negatives import Counts
from bench.metrics.regions import Bools, Dimensions, connected_regions, stacks

Values = npt.NDArray[np.floating[Any]]

FROC_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
ONE = (1.0,)
FOUR = (4.0,)

# A candidate is the highest pixel of a window that reaches this far to every side.
PEAK_REACH = 2
# A candidate finds a lesion that it is in, or at most so many pixels beside.
NEAR = 1
# Thresholds times resamples worked on at once.
_STRETCH = 1 << 20


@dataclass(frozen=True)
class Candidates:
    """The candidates of one subject.

    Attributes:
        found: (L,), of each lesion the highest score of the candidates that find it;
            minus infinity where none does.
        false: (F,), scores of the candidates that find no lesion.
        scans: over how many volumes, or single images.
    """

    found: Values
    false: Values
    scans: int


def find_candidates(
    truth: Bools, maps: Values, inside: Bools, *, dimensions: Dimensions
) -> Candidates:
    """The peaks of a map, and which lesions they find.

    A candidate is a pixel that no other one within 2 pixels to every side exceeds, with the value
    there as its score; touching pixels of equal value are one candidate. It finds a lesion if all
    of it is in the lesion or at most one pixel beside. A second candidate at one lesion counts
    neither for nor against.

    Args:
        truth: (S, H, W) bool, lesions within ``inside``.
        maps: (S, H, W), finite; higher is more anomalous.
        inside: (S, H, W) bool: the pixels that count.
        dimensions: 3 for peaks and lesions of the stack, which is one scan; 2 for those of each
            image, each a scan.
    """
    from scipy import ndimage

    lesions, number = connected_regions(truth, dimensions)
    found = np.full(number, -np.inf, dtype=maps.dtype)
    scans = 1 if dimensions == 3 else len(truth)
    if not inside.any():
        return Candidates(found, np.empty(0, maps.dtype), scans)
    within = np.where(inside, maps, maps.dtype.type(-np.inf))
    reach, near = 2 * PEAK_REACH + 1, 2 * NEAR + 1
    flat = dimensions == 2
    window = (1 if flat else reach, reach, reach)
    highest = ndimage.maximum_filter(within, size=window, mode="constant", cval=-np.inf)
    peaks, count = connected_regions(inside & (within == highest), dimensions)
    at = np.flatnonzero(peaks)
    owner = peaks.ravel()[at] - 1
    scores = np.full(count, -np.inf, dtype=maps.dtype)
    scores[owner] = within.ravel()[at]  # all pixels of a candidate have one value
    grown = ndimage.maximum_filter(lesions, size=(1 if flat else near, near, near))
    hit = np.where(lesions > 0, lesions, grown).ravel()[at]
    lowest = np.full(count, number + 1)
    np.minimum.at(lowest, owner, hit)
    finds = lowest > 0
    np.maximum.at(found, lowest[finds] - 1, scores[finds])
    return Candidates(found, scores[~finds], scans)


class FrocCounts:
    """Candidates of all subjects, and the sensitivities that follow.

    Exact: every distinct score is a threshold. Memory grows with the number of candidates.

    Args:
        candidates: per subject; fixes their order.
    """

    def __init__(self, candidates: Mapping[str, Candidates]) -> None:
        every = list(candidates.values())
        parts = [np.concatenate([one.found, one.false]) for one in every]
        sizes = [part.size for part in parts]
        scores = np.concatenate([*parts, np.empty(0, np.float32)])
        owner = np.repeat(np.arange(len(every)), sizes)
        true = np.concatenate(
            [np.arange(one.found.size + one.false.size) < one.found.size for one in every]
            or [np.empty(0, bool)]
        )
        seen = np.flatnonzero(scores > -np.inf)
        order = seen[np.argsort(-scores[seen], kind="stable")]
        ranked = scores[order]
        new = np.append(True, ranked[1:] != ranked[:-1])[: ranked.size]
        self._step: Counts = np.cumsum(new) - 1
        self._owner, self._true = owner[order], true[order]
        self._lesions = np.array([one.found.size for one in every], dtype=np.float64)
        self._scans = np.array([one.scans for one in every], dtype=np.float64)

    def values(self, rates: Sequence[float]) -> Floats:
        """(K,) sensitivities over all subjects, at so many false positives per scan.

        Raises:
            UndefinedMetric: there is no lesion.
        """
        if not self._lesions.sum():
            raise UndefinedMetric("there is no lesion to find")
        once = np.ones((1, self._lesions.size), dtype=np.int64)
        values: Floats = self.resample(rates, once)[:, 0]
        return values

    def resample(self, rates: Sequence[float], draws: Counts) -> Floats:
        """The sensitivities when subjects are drawn as often as (R, G) draws say.

        Args:
            rates: (K,) false positives per scan.
            draws: (R, G).

        Returns:
            (K, R) float64; NaN where no lesion is drawn.
        """
        drawn = np.asarray(draws, dtype=np.float64)
        # Counts are whole numbers; the margin is for the rounding of rates times scans.
        allowed = np.asarray(rates, dtype=np.float64)[:, None] * (drawn @ self._scans) + 1e-9
        subjects, steps = self._lesions.size, int(self._step[-1]) + 1 if self._step.size else 0
        tp, fp = np.zeros((len(drawn), 1)), np.zeros((len(drawn), 1))
        best = np.zeros(allowed.shape)
        width = max(_STRETCH // max(len(drawn), subjects), 16)
        for start in range(0, steps, width):
            low, high = np.searchsorted(self._step, [start, start + width])
            size = min(width, steps - start)
            some = slice(low, high)
            cell = self._owner[some] * size + self._step[some] - start
            true = self._true[some]
            gained = [
                np.bincount(cell[which], minlength=subjects * size).reshape(subjects, size)
                for which in (true, ~true)
            ]
            tps = tp + np.cumsum(drawn @ gained[0], axis=1)
            fps = fp + np.cumsum(drawn @ gained[1], axis=1)
            for row, most in zip(best, allowed, strict=True):
                reached = np.where(fps <= most[:, None], tps, 0.0).max(axis=1)
                np.maximum(row, reached, out=row)
            tp, fp = tps[:, -1:], fps[:, -1:]
            if (fp[:, 0] > allowed.max(axis=0)).all():
                break  # further thresholds have too many false positives in every resample
        total = drawn @ self._lesions
        shares: Floats = best / np.where(total > 0, total, np.nan)
        return shares


def lesion_sensitivity(
    labels: npt.ArrayLike,
    maps: npt.ArrayLike,
    false_positives: float,
    *,
    dimensions: Dimensions = 2,
) -> float:
    """The share of lesions found at the lowest threshold with so few false positives per scan.

    Args:
        labels: (S, H, W), or (H, W) for one image; bool, or numbers 0 and 1.
        maps: same shape, any real type, finite; higher is more anomalous.
        false_positives: candidates per scan that find no lesion; 0 or more.
        dimensions: 2 for candidates within each image, each a scan; 3 for those of the stack.

    Returns:
        From 0 to 1. `find_candidates` says what a candidate is and when it finds a lesion.

    Raises:
        MetricError: shapes differ or are neither 2-D nor 3-D, a label is neither 0 nor 1, a
            value is NaN or infinite, or ``false_positives`` is negative.
        UndefinedMetric: there is no lesion.

    Source:
        Bunch et al. 1978 (FROC analysis). Chosen here: peaks of the map are the candidates.
    """
    return float(_counts(labels, maps, dimensions, [false_positives])[0])


def froc(labels: npt.ArrayLike, maps: npt.ArrayLike, *, dimensions: Dimensions = 2) -> float:
    """Mean of `lesion_sensitivity` at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan.

    Source:
        These seven rates: LUNA16 (Setio et al., Medical Image Analysis 42, 2017).
    """
    return float(_counts(labels, maps, dimensions, FROC_RATES).mean())


def _counts(
    labels: npt.ArrayLike, maps: npt.ArrayLike, dimensions: Dimensions, rates: Sequence[float]
) -> Floats:
    if min(rates) < 0:
        raise MetricError(f"false_positives must be 0 or more, found {min(rates)}")
    truth, values = stacks(labels, maps)
    ranked = values.astype(np.float64)
    inside = np.ones(truth.shape, dtype=np.bool_)
    one = find_candidates(truth, ranked, inside, dimensions=dimensions)
    return FrocCounts({"all": one}).values(rates)
