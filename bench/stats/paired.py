"""Two methods of a task, or all pairs of many, by replicates that were drawn alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

import numpy as np

from bench.stats.by_subject import Verdict
from bench.stats.holm import holm
from bench.stats.intervals import Floats, Part, seed_part, subject_part, t_quantile, total
from bench.stats.limits import ALPHA, LEAST_SUBJECTS, LEVEL

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Side:
    """A number and what its uncertainty is made of.

    Attributes:
        value: with several seeds their mean.
        by_seed: value of each seed.
        replicates: (R,) over subjects, with several seeds the means of theirs.
        draws: names subjects and draws; see `bench.stats.draws.draws_of`.
        subjects: how many the variance comes from.
    """

    value: float
    by_seed: tuple[float, ...]
    replicates: Floats
    draws: str
    subjects: int


@dataclass(frozen=True)
class Pair:
    """Two numbers that were resampled alike.

    Attributes:
        subjects: how many the variance of the difference comes from.
        difference: first minus second.
        low: lower end of its 95 % interval; None with too few subjects.
        high: upper end.
        spread: standard deviation of the difference between subjects, scaled to one subject.
        p_value: two-sided, of the hypothesis that the difference is 0.
        p_adjusted: after Holm's correction over all pairs compared together.
        level: the strictest level of that correction, at which a single pair must convince.
        verdict: ``too few subjects`` with fewer than `LEAST_SUBJECTS`.
    """

    subjects: int
    difference: float
    low: float | None
    high: float | None
    spread: float
    p_value: float
    p_adjusted: float
    level: float
    verdict: Verdict

    @property
    def turned(self) -> Pair:
        """The same with first and second exchanged."""
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        swap: dict[Verdict, Verdict] = {
            "first is better": "second is better",
            "second is better": "first is better",
        }
        verdict = swap.get(self.verdict, self.verdict)
        return replace(self, difference=-self.difference, low=low, high=high, verdict=verdict)


def compare_all(
    sides: Mapping[K, Side], *, higher_is_better: bool = True, alpha: float = ALPHA
) -> dict[tuple[K, K], Pair]:
    """Compare each side with each.

    All pairs, not those with the best alone: which one is the best was chosen by the same
    numbers, and a correction over fewer pairs would err too often.

    Args:
        sides: one number each, of one task, protocol and metric.
        higher_is_better: of the values; False turns the verdict, not the difference.
        alpha: family-wise error rate over all pairs.

    Returns:
        Per pair, in the order of the sides; those whose subjects differ are absent.
    """
    of_seeds = {key: seed_part(side.by_seed) for key, side in sides.items()}
    drawn = {
        (one, two): _drawn(sides[one], sides[two], [*of_seeds[one], *of_seeds[two]])
        for one, two in combinations(sides, 2)
        if sides[one].draws == sides[two].draws
    }
    tested = [key for key, found in drawn.items() if found[0] >= LEAST_SUBJECTS]
    adjusted = dict(zip(tested, holm([drawn[key][-1] for key in tested]), strict=True))
    level = alpha / max(len(tested), 1)
    return {
        key: _pair(found, adjusted.get(key), level, higher_is_better, alpha)
        for key, found in drawn.items()
    }


_Drawn = tuple[int, float, float, float, float]


def _drawn(one: Side, two: Side, of_seeds: Sequence[Part]) -> _Drawn:
    """Subjects, difference, half of its interval, its spread and the p-value."""
    from scipy import special

    subjects, difference = min(one.subjects, two.subjects), one.value - two.value
    part = subject_part(one.replicates - two.replicates, subjects)
    if part is None:
        return 0, difference, 0.0, 0.0, 1.0
    variance, freedom = total([part, *of_seeds])
    spread, error = float(np.sqrt(part[0] * subjects)), float(np.sqrt(variance))
    if not error:  # all subjects differ alike: what flipping their signs would say
        p_value = 1.0 if not difference else 2.0 ** (1 - subjects)
    else:
        p_value = float(2.0 * special.stdtr(freedom, -abs(difference) / error))
    return subjects, difference, t_quantile(LEVEL, freedom) * error, spread, p_value


def _pair(
    found: _Drawn, adjusted: float | None, level: float, higher_is_better: bool, alpha: float
) -> Pair:
    subjects, difference, half, spread, p_value = found
    if adjusted is None:
        few: Verdict = "too few subjects"
        return Pair(subjects, difference, None, None, spread, 1.0, 1.0, level, few)
    verdict: Verdict = "no difference shown"
    if adjusted <= alpha:
        verdict = "first is better" if (difference > 0) == higher_is_better else "second is better"
    ends = difference - half, difference + half
    return Pair(subjects, difference, *ends, spread, p_value, adjusted, level, verdict)
