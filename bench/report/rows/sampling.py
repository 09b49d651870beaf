"""What a number's replicates say: its interval over subjects and seeds, and its paired side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.stats.limits import LEAST_SUBJECTS
from bench.store.records import ProtocolNumbers
from bench.store.replicates import Resampled

if TYPE_CHECKING:
    from bench.stats.intervals import Floats
    from bench.stats.paired import Side

Ends = tuple[float | None, float | None]


def resampled_of(numbers: Sequence[ProtocolNumbers], metric: str) -> tuple[Resampled, ...]:
    """The replicates of all seeds; empty where one has none, or was measured on other subjects.

    Args:
        numbers: one per seed.
        metric: of their protocol.
    """
    kept = [one.resampled for one in numbers if one.resampled is not None]
    whole = [one for one in kept if metric in one.metrics]
    if len(whole) != len(numbers) or len({one.draws for one in whole}) != 1:
        return ()
    return tuple(whole)


def interval_of(numbers: Sequence[ProtocolNumbers], metric: str) -> Ends:
    """The 95 % interval of the mean over seeds.

    One seed has the interval of its record. Over several seeds, subjects and seeds are two levels:
    the variance over subjects of the seeds' mean, and the variance of a mean over so many seeds.
    Without replicates (older records) the ends of the seeds are averaged.

    Args:
        numbers: one per seed.
        metric: of their protocol.

    Returns:
        Low and high end; None with fewer than `LEAST_SUBJECTS`, or where a seed has no interval.
    """
    resampled = resampled_of(numbers, metric)
    counts = [one.subjects for one in (resampled or numbers)]
    if min(counts, default=0) < LEAST_SUBJECTS:
        return None, None
    if len(resampled) > 1:
        from bench.stats.intervals import logit_interval  # numpy is not for light commands

        values = [one.metrics[metric] for one in numbers]
        mean = math.fsum(values) / len(values)
        found = logit_interval(mean, averaged(resampled, metric), min(counts), by_seed=values)
        return found or (None, None)
    ends = [one.intervals[metric] for one in numbers if metric in one.intervals]
    if len(ends) != len(numbers):
        return None, None
    low = math.fsum(one.low for one in ends) / len(ends)
    return low, math.fsum(one.high for one in ends) / len(ends)


def averaged(resampled: Sequence[Resampled], metric: str) -> Floats:
    """(R,) means over seeds of the replicates, which were drawn alike."""
    import numpy as np

    found: Floats = np.mean([one.metrics[metric].values() for one in resampled], axis=0)
    return found


def side_of(
    value: float, by_seed: Sequence[float], resampled: Sequence[Resampled], metric: str
) -> Side:
    """A number as it enters a paired comparison.

    Args:
        value: the mean over seeds.
        by_seed: value of each seed.
        resampled: of `resampled_of`, not empty.
        metric: of the number.
    """
    from bench.stats.paired import Side

    return Side(
        value=value,
        by_seed=tuple(by_seed),
        replicates=averaged(resampled, metric),
        draws=resampled[0].draws,
        subjects=min(one.subjects for one in resampled),
    )
