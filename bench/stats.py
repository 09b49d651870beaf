"""Statistics over subjects: they, not pixels, are what is drawn from a population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

RESAMPLES = 1000
# Sign flips of up to 14 subjects are enumerated (2**14), of more are drawn.
_FLIPS = 1 << 14

Verdict = Literal["first is better", "second is better", "no difference shown", "too few subjects"]


def subject_draws(subjects: int, *, resamples: int = RESAMPLES, seed: int = 0) -> Counts:
    """How often each subject is drawn in each bootstrap resample.

    Args:
        subjects: how many there are, at least 1; as many are drawn, with replacement.
        resamples: number of resamples.
        seed: fixes the draws.

    Returns:
        (resamples, subjects) int64; every row sums to ``subjects``.
    """
    generator = np.random.default_rng(seed)
    share = np.full(subjects, 1.0 / subjects)
    return generator.multinomial(subjects, share, size=resamples).astype(np.int64)


def percentile_interval(values: Floats, *, level: float = 0.95) -> tuple[float, float] | None:
    """Percentile interval of a statistic's bootstrap values.

    Args:
        values: (R,) one value per resample; NaN where it was undefined (one class only): those
            resamples are left out.
        level: coverage, from 0 to 1.

    Returns:
        Low and high end; None where the statistic is undefined in more than half of the
        resamples.
    """
    defined = values[np.isfinite(values)]
    if not defined.size or 2 * defined.size < values.size:
        return None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return float(low), float(high)


# --- two methods on the same subjects ---------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same subjects.

    Attributes:
        subjects: pairs with a value on both sides.
        difference: mean of first minus second.
        low: lower end of its 95 % percentile interval by bootstrap over subjects; None with
            fewer than two subjects.
        high: upper end.
        effect: matched-pairs rank-biserial correlation, -1 to 1: how far the ranks of the
            differences lie on the side of the first.
        p_value: two-sided sign-flip permutation test of the mean difference; exact up to 14
            subjects.
        p_adjusted: after Holm's correction over all comparisons made together.
        verdict: ``too few subjects`` where even differences of one sign could not be
            significant after the correction.
    """

    subjects: int
    difference: float
    low: float | None
    high: float | None
    effect: float
    p_value: float
    p_adjusted: float
    verdict: Verdict


def compare_pairs(
    pairs: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Compare two methods subject by subject, on one or several tasks at once.

    Args:
        pairs: per comparison, the values of both methods, (n,) each, in the same order of
            subjects; a pair with a NaN is left out.
        higher_is_better: of the values; False turns the verdict, not the difference.
        alpha: family-wise error rate over all comparisons.
        seed: of the bootstrap and of drawn sign flips.

    Raises:
        MetricError: the two sides differ in length.
    """
    found = {name: _differences(name, *sides) for name, sides in pairs.items()}
    p_values = [_flip_test(one, seed) for one in found.values()]
    adjusted = holm(p_values)
    return {
        name: _comparison(one, higher_is_better, p, q, alpha / len(found), alpha, seed)
        for (name, one), p, q in zip(found.items(), p_values, adjusted, strict=True)
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction.

    Args:
        p_values: from 0 to 1.

    Returns:
        Adjusted values in the same order, at most 1.

    Source:
        Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    steps = np.maximum.accumulate(np.asarray(p_values, dtype=np.float64)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(value) for value in adjusted]


def _differences(name: str, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise MetricError(
            f"{name}: the two sides must be of one length, found {a.shape}, {b.shape}"
        )
    difference: Floats = a - b
    return difference[~np.isnan(difference)]


def _flip_test(differences: Floats, seed: int) -> float:
    from scipy import stats

    if differences.size < 2 or not differences.any():
        return 1.0  # flipping one sign says nothing either
    result = stats.permutation_test(
        (differences,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_FLIPS,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _comparison(
    differences: Floats,
    higher_is_better: bool,
    p: float,
    adjusted: float,
    strictest: float,
    alpha: float,
    seed: int,
) -> Comparison:
    interval = None
    size = differences.size
    if size > 1:
        interval = percentile_interval(subject_draws(size, seed=seed) @ differences / size)
    mean = float(differences.mean()) if size else 0.0
    verdict: Verdict = "no difference shown"
    if 2.0 ** (1 - size) > strictest:  # the p-value of differences of one sign
        verdict = "too few subjects"
    elif adjusted <= alpha:
        verdict = "first is better" if (mean > 0) == higher_is_better else "second is better"
    low, high = interval if interval is not None else (None, None)
    return Comparison(size, mean, low, high, _rank_biserial(differences), p, adjusted, verdict)


def _rank_biserial(differences: Floats) -> float:
    from scipy import stats

    moved = differences[differences != 0]
    if not moved.size:
        return 0.0
    ranks = stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum())


# --- many methods over tasks ------------------------------------------------------------------


@dataclass(frozen=True)
class MethodRanks:
    """Average ranks of methods over tasks, with what a critical-difference picture needs.

    Attributes:
        ranks: per method, its average rank; 1 is best, ties share.
        tasks: number of tasks ranked.
        p_value: Friedman test that all methods are alike; None with fewer than 3 methods or 2
            tasks.
        critical_difference: average ranks closer than this are not told apart (Nemenyi);
            None with fewer than 2 methods or 2 tasks.
        groups: maximal runs of two or more methods, best first, that are not told apart.
    """

    ranks: dict[str, float]
    tasks: int
    p_value: float | None
    critical_difference: float | None
    groups: tuple[tuple[str, ...], ...]


def rank_methods(values: Mapping[str, Sequence[float]], *, alpha: float = 0.05) -> MethodRanks:
    """Rank methods over tasks.

    Args:
        values: per method, its value on each task, in the same order of tasks; higher is
            better. Every method needs a value for every task.
        alpha: of the critical difference.

    Raises:
        MetricError: lengths differ, a value is not finite, or there is nothing to rank.

    Source:
        Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006.
    """
    from scipy import stats

    if not values or len({len(row) for row in values.values()}) != 1:
        raise MetricError("every method needs one value per task")
    table = np.array(list(values.values()), dtype=np.float64)
    methods, tasks = table.shape
    if not tasks or not np.isfinite(table).all():
        raise MetricError("every method needs a finite value on every task")
    average = stats.rankdata(-table, axis=0).mean(axis=1)
    ranks = dict(
        sorted(zip(values, average.tolist(), strict=True), key=lambda one: (one[1], one[0]))
    )
    if methods < 2 or tasks < 2:
        return MethodRanks(ranks, tasks, None, None, ())
    scale = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2.0)
    critical = float(scale * np.sqrt(methods * (methods + 1) / (6.0 * tasks)))
    varied = methods > 2 and bool((table != table[:1]).any())
    p_value = float(stats.friedmanchisquare(*table).pvalue) if varied else None
    return MethodRanks(ranks, tasks, p_value, critical, _groups(ranks, critical))


def _groups(ranks: Mapping[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    names, found, covered = list(ranks), list[tuple[str, ...]](), 0
    for start, name in enumerate(names):
        stop = sum(ranks[other] - ranks[name] < critical for other in names)
        if stop - start > 1 and stop > covered:
            found.append(tuple(names[start:stop]))
            covered = stop
    return tuple(found)
