"""How many negatives lie above and at each threshold: exact, and mostly without sorting them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.metrics.checks import Array, Reals, as_scores, as_truth

Counts = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
Floating = npt.NDArray[np.floating[Any]]

# Buckets: so many times the number of thresholds, while the table of them fits a shared cache.
_BUCKETS_PER_THRESHOLD, _MOST_BUCKETS = 8, 1 << 22
# So many thresholds are few: counts of pairs stay in a core's cache.
_MOST_PAIRS = 1 << 12
# Where more of the thresholds share a bucket, or more of the negatives fall in such buckets,
# sorting is faster.
_SHARED_THRESHOLDS, _SHARED_NEGATIVES = 0.5, 0.5
# Of the scores counted at once, an eighth is looked up at once, for memory and the cache; of few
# a fifth, for each call of NumPy costs as much as looking up a thousand.
_STRIDES, _FEW_STRIDES, _SHORT, _SHORTEST = 8, 5, 1 << 14, 1 << 10


class Counted(NamedTuple):
    """What some cases hold.

    Attributes:
        positives, negatives: how many.
        fp, fp_before: (K,) negatives >= and > each of K thresholds.
    """

    positives: int
    negatives: int
    fp: Counts
    fp_before: Counts


class Buckets(NamedTuple):
    """Where a score stands among K ascending thresholds, by arithmetic and one look-up.

    A function that never falls cuts the range of the thresholds into many buckets. However it
    rounds, equal scores share a bucket and a lower score is never in a higher one. So a score in
    a bucket with one threshold, or none, needs one comparison: with the first threshold of its
    bucket or of those above. Only scores in a bucket with several thresholds must be sorted.

    Attributes:
        place: the bucket of each score, given in the type of the thresholds.
        first: per bucket, the first threshold in it or above; K + 1 where several are in it.
            Of pairs, twice that.
        thresholds: (K + 2,) floating point; infinity after the last. Of pairs, each of them twice.
        pairs: equal scores have numbers of their own in `look_up`: one count for both, which pays
            where thresholds are few, so that scores often equal them.
        unsure: whether some bucket has several thresholds.
    """

    place: Callable[[Floating], Places]
    first: npt.NDArray[np.int32]
    thresholds: Floating
    pairs: bool
    unsure: bool

    def look_up(self, scores: Reals, slots: Places) -> tuple[Reals, Places]:
        """Write how many thresholds lie below each score, K + 1 where sorting must tell.

        Of pairs, twice that, and one more where the score equals the next threshold.

        Returns:
            The scores to sort, and the thresholds that others equal; none of pairs.
        """
        size = slots.size
        stride = max(size // _STRIDES, min(size // _FEW_STRIDES, _SHORT), _SHORTEST)
        unknown, equal = [np.empty(0, scores.dtype)], [np.empty(0, np.int32)]
        several = self.thresholds.size - 1 - self.pairs
        for at in range(0, scores.size, stride):
            some = scores[at : at + stride]
            exact = some.astype(self.thresholds.dtype, copy=False)
            # No index is out of range; "clip" spares NumPy the check of each.
            first = self.first.take(self.place(exact), mode="clip")
            limits = self.thresholds.take(first, mode="clip")
            passed = (exact > limits).view(np.int8)
            if self.pairs:
                passed += (exact >= limits).view(np.int8)
            else:
                equal.append(first[exact == limits])
            np.add(first, passed, out=slots[at : at + stride])
            if self.unsure:
                unknown.append(some[first == several])
        return np.concatenate(unknown), np.concatenate(equal)


def buckets_of(thresholds: Reals, kind: np.dtype[Any]) -> Buckets | None:
    """Buckets for scores of a type; None where they are not exact, or sorting is faster.

    Args:
        thresholds: ascending, all different, finite.
        kind: type of the scores that are looked up.
    """
    number = thresholds.size
    if not (_fits_double(thresholds.dtype) and _fits_double(kind)):
        return None
    if not 0 < number <= _MOST_BUCKETS // 4:
        return None
    known: Floating = thresholds.astype(np.result_type(thresholds.dtype, kind, np.float32))
    wanted = min(number * _BUCKETS_PER_THRESHOLD, _MOST_BUCKETS)
    for way in (_evenly, _by_size):
        place = way(known, wanted)
        made = None if place is None else _table(known, place)
        if made:
            return made
    return None


def _fits_double(kind: np.dtype[Any]) -> bool:
    """Whether floating-point numbers of at most 64 bits hold the type's numbers exactly."""
    return kind.itemsize <= (8 if kind.kind == "f" else 4) and kind.kind in "biuf"


def _table(known: Floating, place: Callable[[Floating], Places]) -> Buckets | None:
    places, number = place(known), known.size
    same = places[1:] == places[:-1]
    shared = np.count_nonzero(np.append(same, False) | np.append(False, same))
    if shared > _SHARED_THRESHOLDS * number:
        return None
    first = np.repeat(np.arange(number, dtype=np.int32), np.diff(places, prepend=-1))
    first[places[1:][same]] = number + 1
    limits = np.append(known, np.full(2, np.inf, known.dtype))
    pairs = number <= _MOST_PAIRS
    if pairs:
        first, limits = 2 * first, np.repeat(limits, 2)
    return Buckets(place, first, limits, pairs, bool(shared))


def _evenly(known: Floating, number: int) -> Callable[[Floating], Places] | None:
    """Buckets of equal width."""
    kind, low, high = known.dtype.type, known[0], known[-1]
    with np.errstate(over="ignore"):
        span = kind(high - low)
        scale = kind((number - 1) / span) if span else kind(0)
    if not np.isfinite(span) or not np.isfinite(scale):
        return None

    def place(scores: Floating) -> Places:
        moved = np.clip(scores, low, high)
        moved -= low
        moved *= scale
        return moved.astype(np.intp)

    return place


def _by_size(known: Floating, number: int) -> Callable[[Floating], Places] | None:
    """Buckets of about equal ratio, for skewed scores: the leading bits of positive numbers.

    Zero and all below it share the first bucket.
    """
    positive = known[known > 0]
    if not positive.size:
        return None
    bits = positive[[0, -1]].view(f"i{known.dtype.itemsize}")
    low, high = bits  # whole numbers rise with the positive numbers that their bits stand for
    shift = (int(high - low) // number).bit_length()
    base = low.dtype.type(max(int(low) - (1 << shift), 0))

    def place(scores: Floating) -> Places:
        moved = np.clip(scores.view(low.dtype), base, high)
        moved -= base
        moved >>= shift
        places: Places = moved.astype(np.intp)
        return places

    return place


def count_negatives(
    labels: Array,
    scores: Array,
    parts: Sequence[slice],
    thresholds: Reals,
    buckets: Buckets | None,
) -> Counted:
    """Cases of both kinds, and negatives >= and > each threshold, of some parts of the cases.

    Args:
        labels: bool, or numbers 0 and 1; flat.
        scores: any real type, same shape, finite.
        parts: what is worked on at once.
        thresholds: ascending, all different.
        buckets: of these thresholds and this type of scores; None to sort all negatives.

    Raises:
        MetricError: a label is neither 0 nor 1, a score is NaN or infinite.
    """
    positives = negatives = waiting = 0
    below, up_to = np.zeros((2, thresholds.size), dtype=np.int64)
    largest = max((part.stop - part.start for part in parts), default=0)
    above = np.zeros(buckets.thresholds.size if buckets else 0, dtype=np.int64)
    at = np.zeros(thresholds.size + 2 if above.size else 0, dtype=np.int64)
    slots = np.empty(largest if buckets else 0, dtype=np.intp)
    unsorted: list[Reals] = []
    for part in parts:
        truth = as_truth(labels[part])
        rest = as_scores(scores[part])[~truth]
        positives += truth.size - rest.size
        negatives += rest.size
        if buckets and rest.size:
            found, size = slots[: rest.size], rest.size
            rest, equal = buckets.look_up(rest, found)
            above += np.bincount(found, minlength=above.size)
            at += np.bincount(equal, minlength=at.size)
            if rest.size > size * _SHARED_NEGATIVES:
                buckets = None
        unsorted.append(rest)
        waiting += rest.size
        if waiting >= largest:
            _sort_and_count(unsorted, thresholds, below, up_to)
            waiting = 0
    _sort_and_count(unsorted, thresholds, below, up_to)
    if above.size > at.size:
        at = above[1::2]
        above = above[::2] + at
    if at.size:
        passed = np.cumsum(above[:-2])
        up_to += passed
        below += passed - at[:-2]
    return Counted(positives, negatives, negatives - below, negatives - up_to)


def _sort_and_count(unsorted: list[Reals], thresholds: Reals, below: Counts, up_to: Counts) -> None:
    """Add how many lie below, and below or at, each threshold; and forget them."""
    if not sum(one.size for one in unsorted):
        return
    ranked = unsorted[0] if len(unsorted) == 1 else np.concatenate(unsorted)
    unsorted.clear()
    ranked.sort()
    here: Counts = np.asarray(np.searchsorted(ranked, thresholds, side="left"))
    below += here
    # Few thresholds are met exactly in continuous scores: only those are searched again.
    inside = np.flatnonzero(here < ranked.size)
    met = inside[ranked[here[inside]] == thresholds[inside]]
    here[met] = np.searchsorted(ranked, thresholds[met], side="right")
    up_to += here
