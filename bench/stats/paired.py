"""Two methods of a task, or all pairs of many, by replicates that were drawn alike."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from bench.stats.by_subject import Verdict
from bench.stats.holm import holm
from bench.stats.intervals import Floats, Part, seed_part, subject_parts, total
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
        seeds: variances of the means over seeds, of the sides that have several; more subjects
            do not make them smaller.
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
    seeds: tuple[Part, ...] = ()

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
    drawn = _all_drawn(sides, of_seeds)
    tested = [key for key, found in drawn.items() if found[0] >= LEAST_SUBJECTS]
    adjusted = dict(zip(tested, holm([drawn[key][-1] for key in tested]), strict=True))
    level = alpha / max(len(tested), 1)
    return {
        key: replace(
            _pair(found, adjusted.get(key), level, higher_is_better, alpha),
            seeds=(*of_seeds[key[0]], *of_seeds[key[1]]),
        )
        for key, found in drawn.items()
    }


_Drawn = tuple[int, float, float, float, float]
"""Subjects, difference, half of its interval, its spread and the p-value."""


def _all_drawn(
    sides: Mapping[K, Side], of_seeds: Mapping[K, Sequence[Part]]
) -> dict[tuple[K, K], _Drawn]:
    """What the replicates say of each pair, many pairs at once: a table has thousands."""
    from scipy import special

    drawn: dict[tuple[K, K], _Drawn] = {}
    keys: list[tuple[K, K]] = []
    variances: list[float] = []
    freedoms: list[float] = []
    for one, two, part in _parts(sides):
        subjects = min(sides[one].subjects, sides[two].subjects)
        difference = sides[one].value - sides[two].value
        drawn[one, two] = 0, difference, 0.0, 0.0, 1.0
        if part is None:
            continue
        variance, freedom = total([part, *of_seeds[one], *of_seeds[two]])
        # What flipping the signs of subjects that all differ alike would say; see below.
        p_value = 1.0 if not difference else 2.0 ** (1 - subjects)
        drawn[one, two] = subjects, difference, 0.0, math.sqrt(part[0] * subjects), p_value
        keys.append((one, two))
        variances.append(variance)
        freedoms.append(freedom)
    errors = np.sqrt(variances)
    halves = special.stdtrit(freedoms, (1.0 + LEVEL) / 2.0) * errors
    moved = np.asarray([-abs(drawn[key][1]) for key in keys])
    with np.errstate(divide="ignore", invalid="ignore"):  # not used where the error is 0
        p_values = 2.0 * special.stdtr(freedoms, moved / errors)
    for key, error, half, p_value in zip(
        keys, errors.tolist(), halves.tolist(), p_values.tolist(), strict=True
    ):
        subjects, difference, _, spread, flipped = drawn[key]
        drawn[key] = subjects, difference, half, spread, p_value if error else flipped
    return drawn


def _parts(sides: Mapping[K, Side]) -> Iterator[tuple[K, K, Part | None]]:
    """Each pair that was drawn alike, in the order of the sides, and its `subject_part`."""
    alike: dict[str, list[K]] = defaultdict(list)
    for key, side in sides.items():
        alike[side.draws].append(key)
    table = {
        draws: np.stack([sides[key].replicates for key in keys]) for draws, keys in alike.items()
    }
    seen: dict[str, int] = defaultdict(int)
    for one, side in sides.items():
        seen[side.draws] += 1
        at = seen[side.draws]
        others = alike[side.draws][at:]
        subjects = [min(side.subjects, sides[two].subjects) for two in others]
        found = subject_parts(side.replicates - table[side.draws][at:], subjects)
        for two, part in zip(others, found, strict=True):
            yield one, two, part


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
