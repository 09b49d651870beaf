"""Counts of negatives between the positives' scores: all that a ranking metric needs.

Average precision, AUROC, the best Dice and the like depend on the scores only through how many
negatives lie above and at each distinct score of a positive. So positives are kept (they are
few), and negatives are counted chunk by chunk and forgotten. The counts are kept per
subject, so that a bootstrap over subjects is a matrix product and needs no scores again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from bench.cores import usable_cores
from bench.errors import MetricError, UndefinedMetric, all_of
from bench.metrics.checks import Array, as_pair, as_scores, as_truth
from bench.metrics.negatives import Buckets, Counted, Counts, buckets_of, count_negatives

Floats = npt.NDArray[np.float64]
Unsigned = npt.NDArray[np.unsignedinteger[Any]]

# Cases counted at once: so many times the number of thresholds, within bounds. Small chunks stay
# in a core's cache, but all thresholds are gone through for each.
_CHUNK_PER_THRESHOLD = 4
_SMALLEST_CHUNK, _LARGEST_CHUNK = 1 << 16, 1 << 24
# Where looking negatives up pays: so many cases of one call, and thresholds for each of them; so
# many cases of all calls for each threshold.
_FEW, _THRESHOLDS_PER_CASE, _CASES_PER_THRESHOLD = 1 << 15, 4, 8
# Below so many cases of one call, starting threads costs more than it gains.
_THREADED = 1 << 22
# Entries of each per-subject count matrix (4 bytes each) before thresholds are merged in blocks.
_CELLS = 1 << 25
# Resamples times thresholds worked on at once: three such arrays fit a core's cache.
_STRETCH = 1 << 17


@cache
def _threads() -> ThreadpoolController:
    """Of the libraries that are loaded, NumPy's among them; to look for them takes milliseconds."""
    return ThreadpoolController()


@dataclass(frozen=True)
class Stretch:
    """Counts at consecutive thresholds t, ascending, for R weightings of the subjects.

    Attributes:
        tp_gain: (R, K) weight of the positives with score t: what this threshold adds to the TP.
        tp: (R, K) true positives: weight of the positives with score >= t.
        fp_before: (R, K) negatives with score > t: false positives just before this threshold.
        fp: (R, K) false positives: number of negatives with score >= t.
        positives: (R, 1) weight of all positives.
        negatives: (R, 1) number of all negatives.
    """

    tp_gain: Floats
    tp: Floats
    fp_before: Floats
    fp: Floats
    positives: Floats
    negatives: Floats


@dataclass(frozen=True)
class Measure:
    """A metric as a reduction over stretches of thresholds.

    Attributes:
        part: what a stretch contributes, (R,).
        combine: joins the contributions: ``np.add``, ``np.maximum`` or ``np.minimum``.
    """

    part: Callable[[Stretch], Floats]
    combine: np.ufunc


class RankingCounts:
    """How the negatives of each subject rank against the positives of all.

    Needs memory proportional to the number of positives, not of pixels. For intervals that is
    times subjects, and capped: beyond 2**25 counts (20 subjects with 1.6 million positives
    between them) neighbouring thresholds are treated as tied, in B blocks of about equally many
    positives, B at least 1024. That touches `resample` only; `value` is always exact. The error
    of a resampled AP is at most the sum over blocks of share of positives times (highest minus
    lowest precision that the block's counts allow), about 1/B where precision is monotone.

    Args:
        positives: per subject, also those without any, the scores of its positives. Fixes the
            subjects and their order.
        weights: per subject, the weight of each positive; 1 where absent.

    Raises:
        MetricError: a score is NaN or infinite, or weights and positives differ in number.
    """

    def __init__(
        self, positives: Mapping[str, Array], *, weights: Mapping[str, Array] | None = None
    ) -> None:
        self.subjects = tuple(positives)
        self._index = {subject: i for i, subject in enumerate(self.subjects)}
        given = [as_scores(scores) for scores in positives.values()]
        scores = np.concatenate(given) if given else np.empty(0, np.float32)
        owner = np.repeat(np.arange(len(given), dtype=np.int32), [part.size for part in given])
        weight = np.ones(scores.size)
        if weights:
            weight = np.concatenate([np.ravel(weights[s]).astype(float) for s in self.subjects])
            if weight.size != scores.size:
                raise MetricError(f"{weight.size} weights for {scores.size} positives")
        order = np.argsort(scores)
        ranked = scores[order]
        new = np.append(True, ranked[1:] != ranked[:-1])[: ranked.size]
        self.thresholds, at = ranked[new], np.cumsum(new) - 1
        # Positives in the order of the thresholds, for cutting out stretches of them.
        self._owner, self._weight = owner[order], weight[order]
        self._tp_gain = _sums(at, self._weight, self.thresholds.size)
        self._starts = _blocks(self._tp_gain, max(_CELLS // max(len(given), 1), 1024))
        first = np.zeros(self.thresholds.size, dtype=np.int64)
        first[self._starts] = 1
        self._block = (np.cumsum(first) - 1)[at]
        self._expected = np.array([part.size for part in given], dtype=np.int64)
        self._seen = np.zeros_like(self._expected)
        self._negatives = np.zeros_like(self._expected)
        self._made: dict[np.dtype[Any], Buckets | None] = {}
        self._fp_before = np.zeros(self.thresholds.size, dtype=np.int64)
        self._fp = np.zeros(self.thresholds.size, dtype=np.int64)
        blocks = (len(given), self._starts.size if len(given) > 1 else 0)
        self._fp_before_by: Unsigned = np.zeros(blocks, dtype=np.uint32)
        self._fp_by: Unsigned = np.zeros(blocks, dtype=np.uint32)

    @property
    def cases(self) -> int:
        """Positives and negatives together."""
        return self.positives + self.negatives

    @property
    def positives(self) -> int:
        """Number of positives, unweighted."""
        return int(self._expected.sum())

    @property
    def negatives(self) -> int:
        """Number of negatives added so far."""
        return int(self._negatives.sum())

    def add(self, subject: str, labels: Array, scores: Array) -> None:
        """Count the negatives of one chunk of a subject's cases.

        Args:
            subject: one of those given at the start.
            labels: bool, or numbers 0 and 1; True is a positive.
            scores: any real type, same shape, finite.

        Raises:
            MetricError: as `average_precision`, or the subject is unknown.
        """
        if subject not in self._index:
            raise MetricError(f"subject {subject!r} was not announced with its positives")
        who = self._index[subject]
        labels, scores = as_pair(labels, scores)
        size = self.thresholds.size * _CHUNK_PER_THRESHOLD
        parts = _parts(scores.size, min(max(size, _SMALLEST_CHUNK), _LARGEST_CHUNK))
        workers = min(len(parts), usable_cores()) if scores.size >= _THREADED else 1
        shares = [parts[at::workers] for at in range(workers)]
        buckets = self._buckets(scores)
        if workers == 1:
            found = [count_negatives(labels, scores, parts, self.thresholds, buckets)]
        else:  # NumPy sorts, looks up and compares without Python's lock
            with ThreadPoolExecutor(workers) as pool:
                share = partial(count_negatives, labels, scores)
                more = {"thresholds": self.thresholds, "buckets": buckets}
                found = [*pool.map(partial(share, **more), shares)]
        for one in found:
            self._seen[who] += one.positives
            self._add(who, one)

    def _buckets(self, scores: Array) -> Buckets | None:
        """Made once for each type of scores; None where sorting these is as fast."""
        number, likely = self.thresholds.size, scores.size * len(self.subjects)
        few = scores.size < max(number // _THRESHOLDS_PER_CASE, _FEW)
        if few or likely < number * _CASES_PER_THRESHOLD:
            return None
        kind = scores.dtype
        if kind not in self._made:
            self._made[kind] = buckets_of(self.thresholds, kind)
        return self._made[kind]

    def _add(self, who: int, found: Counted) -> None:
        self._negatives[who] += found.negatives
        self._fp_before += found.fp_before
        self._fp += found.fp
        if self._fp_before_by.size:
            if self._negatives[who] > np.iinfo(np.uint32).max:
                self._fp_before_by = self._fp_before_by.astype(np.uint64)
                self._fp_by = self._fp_by.astype(np.uint64)
            ends = np.append(self._starts[1:], self.thresholds.size) - 1
            self._fp_before_by[who] += found.fp_before[ends].astype(self._fp_before_by.dtype)
            self._fp_by[who] += found.fp[self._starts].astype(self._fp_before_by.dtype)

    def value(self, measure: Measure) -> float:
        """The exact value over all cases, pooled.

        Raises:
            UndefinedMetric: there are no cases, or of one class only.
            MetricError: not all announced positives were added.
        """
        return float(measure.part(self.pooled())[0])

    def pooled(self) -> Stretch:
        """All thresholds of all cases together, R = 1; what the exact values are made of.

        Raises:
            UndefinedMetric, MetricError: as `value`.
        """
        self._check()
        tp_gain = self._tp_gain[None]
        tp = np.cumsum(tp_gain[:, ::-1], axis=1)[:, ::-1]
        return Stretch(
            tp_gain=tp_gain,
            tp=tp,
            fp_before=self._fp_before[None].astype(float),
            fp=self._fp[None].astype(float),
            positives=tp[:, :1],
            negatives=np.array([[float(self.negatives)]]),
        )

    def resample(self, measures: Sequence[Measure], weights: Counts) -> Floats:
        """The values when each subject is drawn as often as the weights say.

        Args:
            measures: M metrics.
            weights: (R, G) how often each of the G subjects is drawn in R resamples.

        Returns:
            (M, R) float64; NaN where a resample has one class only.

        Raises:
            UndefinedMetric, MetricError: as `value`.
        """
        self._check()
        # Many small products: waiting for each other costs threads more than they save, tenfold
        # on a busy machine, and their number would show in the last digits of weighted sums.
        with _threads().limit(limits=1, user_api="blas"):
            return self._resample(measures, np.asarray(weights, dtype=np.float64))

    def _resample(self, measures: Sequence[Measure], drawn: Floats) -> Floats:
        by_subject = _sums(self._owner, self._weight, len(self.subjects))
        totals = np.stack([drawn @ by_subject, drawn @ self._negatives])
        positives, negatives = np.where((totals > 0).all(axis=0), totals, np.nan)[:, :, None]
        values = np.full((len(measures), len(drawn)), np.nan)
        carried = np.zeros(len(self.subjects))
        size, width = self._starts.size, max(_STRETCH // len(drawn), 16)
        for stop in range(size, 0, -width):
            start = max(stop - width, 0)
            tp_gain = self._tp_gain_by(start, stop)
            tp = np.cumsum(tp_gain[:, ::-1], axis=1)[:, ::-1] + carried[:, None]
            carried = tp[:, 0].copy()
            stretch = Stretch(
                tp_gain=drawn @ tp_gain,
                tp=drawn @ tp,
                fp_before=drawn @ self._rows(self._fp_before, self._fp_before_by, start, stop),
                fp=drawn @ self._rows(self._fp, self._fp_by, start, stop),
                positives=positives,
                negatives=negatives,
            )
            for row, measure in zip(values, measures, strict=True):
                part = measure.part(stretch)
                row[:] = part if stop == size else measure.combine(row, part)
        values[:, np.isnan(positives[:, 0])] = np.nan
        return values

    def _rows(self, pooled: Counts, by: Unsigned, start: int, stop: int) -> Floats:
        rows = by[:, start:stop] if by.size else pooled[None, start:stop]
        return rows.astype(np.float64)

    def _tp_gain_by(self, start: int, stop: int) -> Floats:
        low, high = np.searchsorted(self._block, [start, stop])
        width = stop - start
        cell = self._owner[low:high] * width + self._block[low:high] - start
        flat = _sums(cell, self._weight[low:high], len(self.subjects) * width)
        return flat.reshape(len(self.subjects), width)

    def _check(self) -> None:
        if not self.cases:
            raise UndefinedMetric("there are no cases to rank")
        if not self.positives or not self.negatives:
            side = "negative" if not self.positives else "positive"
            raise UndefinedMetric(
                f"{all_of(self.cases, 'case', 'are')} {side}; ranking needs both classes"
            )
        if (self._seen != self._expected).any():
            raise MetricError(
                f"{int(self._seen.sum())} positives were added, {self.positives} announced"
            )


def _parts(size: int, chunk: int) -> list[slice]:
    return [slice(start, start + chunk) for start in range(0, size, chunk)]


def _sums(at: npt.NDArray[np.integer[Any]], weight: Floats, size: int) -> Floats:
    return np.bincount(at, weights=weight, minlength=size).astype(np.float64, copy=False)


def _blocks(tp_gain: Floats, limit: int) -> Counts:
    """First thresholds of at most ``limit`` blocks with about equally many positives."""
    if tp_gain.size <= limit:
        return np.arange(tp_gain.size)
    before = np.cumsum(tp_gain) - tp_gain
    wanted = np.arange(limit) * (tp_gain.sum() / limit)
    starts = np.searchsorted(before, wanted, side="right") - 1
    return np.unique(np.append(starts, 0)).astype(np.int64)


def count(labels: npt.ArrayLike, scores: npt.ArrayLike) -> RankingCounts:
    """Counts of one set of cases; several metrics can be read from them.

    Args:
        labels: bool, or numbers 0 and 1; any shape.
        scores: same shape, any real type, finite; higher is more positive.

    Raises:
        MetricError: shapes differ, a label is neither 0 nor 1, a score is NaN or infinite.
        UndefinedMetric: empty, or one class only.
    """
    truth, values = as_pair(labels, scores)
    positives = [
        values[part][as_truth(truth[part])] for part in _parts(values.size, _LARGEST_CHUNK)
    ]
    counts = RankingCounts({"all": np.concatenate(positives) if positives else values})
    counts.add("all", truth, values)
    counts._check()
    return counts
