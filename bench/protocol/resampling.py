"""Intervals and replicates of a protocol's numbers, by bootstrap over subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bench.stats.draws import Counts, draws_of, subject_draws
from bench.stats.intervals import logit_interval
from bench.store.records import Interval, SubjectNumbers
from bench.store.replicates import Replicates, Resampled

Floats = npt.NDArray[np.float64]


class Resampling:
    """How the subjects of a number are drawn, and what came of it.

    Args:
        subjects: ids, in the order in which their counts stand.
        telling: how many of them the variance comes from.

    Attributes:
        draws: (R, subjects) how often each is drawn; its rows hold at least one subject.
    """

    def __init__(self, subjects: Sequence[str], telling: int) -> None:
        self._subjects, self._telling = tuple(subjects), telling
        every = subject_draws(self._subjects)
        self._filled = every.any(axis=1)
        self.draws: Counts = every[self._filled]

    def intervals(
        self, values: Mapping[str, float], found: Mapping[str, Floats]
    ) -> dict[str, Interval]:
        """The interval of each number that has one.

        Args:
            values: per metric.
            found: per metric, (R,) its values under `draws`.
        """
        made = {}
        for name, value in values.items():
            ends = logit_interval(value, found[name], self._telling) if name in found else None
            if ends is not None:
                made[name] = Interval(low=ends[0], high=ends[1])
        return made

    def kept(self, found: Mapping[str, Floats]) -> Resampled:
        """The replicates as a record keeps them; a resample without subjects has no value."""
        metrics = {}
        for name, values in found.items():
            whole = np.full(self._filled.size, np.nan)
            whole[self._filled] = values
            packed = Replicates.of(whole)
            if packed is not None:
                metrics[name] = packed
        return Resampled(draws=draws_of(self._subjects), subjects=self._telling, metrics=metrics)


def telling_subjects(per_subject: Mapping[str, SubjectNumbers]) -> int:
    """Subjects with positives, or those with negatives where these are fewer.

    A hundred healthy volunteers beside three patients say little more of sensitivity than
    three patients do.
    """
    every = per_subject.values()
    positive = sum(one.positives > 0 for one in every)
    return min(positive, sum(one.cases > one.positives for one in every))
