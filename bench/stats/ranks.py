"""Average ranks of methods over tasks, and which of them are told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bench.errors import MetricError
from bench.stats.intervals import Floats, t_quantile
from bench.stats.limits import ALPHA, LEVEL


@dataclass(frozen=True)
class MethodRanks:
    """Average ranks of methods over tasks, with what a critical-difference picture needs.

    Attributes:
        ranks: per method, its average rank; 1 is best, ties share.
        tasks: number of tasks ranked.
        by: what was taken as a sample: the tasks (Friedman and Nemenyi, who ask for independent
            tasks), or the subjects (bootstrap; the tasks are as they are).
        p_value: Friedman test that all methods are alike; None with fewer than 3 methods or 2
            tasks, and by subjects.
        critical_difference: average ranks closer than this are not told apart (Nemenyi); None
            with fewer than 2 methods or 2 tasks, and by subjects.
        intervals: per method, 95 % interval of its average rank; empty by tasks.
        groups: maximal runs of two or more methods, best first, that are not told apart.
    """

    ranks: dict[str, float]
    tasks: int
    p_value: float | None
    critical_difference: float | None
    groups: tuple[tuple[str, ...], ...]
    by: Literal["tasks", "subjects"] = "tasks"
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def rank_methods(values: Mapping[str, Sequence[float]], *, alpha: float = ALPHA) -> MethodRanks:
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

    table = _table(values)
    methods, tasks = table.shape
    ranks = _average(values, table)
    if methods < 2 or tasks < 2:
        return MethodRanks(ranks, tasks, None, None, ())
    scale = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2.0)
    critical = float(scale * np.sqrt(methods * (methods + 1) / (6.0 * tasks)))
    varied = methods > 2 and bool((table != table[:1]).any())
    p_value = float(stats.friedmanchisquare(*table).pvalue) if varied else None
    groups = _runs(list(ranks), lambda one, two: abs(ranks[two] - ranks[one]) < critical)
    return MethodRanks(ranks, tasks, p_value, critical, groups)


def _runs(names: Sequence[str], close: Callable[[str, str], bool]) -> tuple[tuple[str, ...], ...]:
    """Maximal runs of two or more names, of which no two are told apart."""
    found, covered = list[tuple[str, ...]](), 0
    for start in range(len(names)):
        stop = start + 1
        while stop < len(names) and all(close(one, names[stop]) for one in names[start:stop]):
            stop += 1
        if stop - start > 1 and stop > covered:
            found.append(tuple(names[start:stop]))
            covered = stop
    return tuple(found)


def rank_by_subjects(
    values: Mapping[str, Sequence[float]],
    replicates: Mapping[str, Sequence[Floats]],
    subjects: Sequence[int],
    blocks: Sequence[str],
    *,
    alpha: float = ALPHA,
) -> MethodRanks:
    """Rank methods over tasks; the subjects are the sample, in all tasks at once.

    Args:
        values: as `rank_methods`.
        replicates: per method, for each task (R,) replicates of its value.
        subjects: per task, how many its variance comes from, at least 2.
        blocks: per task, what it shares subjects with: tasks of one block are resampled
            together, blocks independently.
        alpha: of the critical difference, over all pairs of methods.

    Returns:
        Ranks with intervals. Two methods are told apart where one is before the other in all of
        the 95 % of resamples that are nearest to the measured ranks, by their farthest pair.

    Raises:
        MetricError: as `rank_methods`, or no resample has a value everywhere.
    """
    from scipy import stats

    table = _table(values)
    drawn = np.array([list(map(_shuffled, replicates[name], blocks)) for name in values])
    drawn = drawn[:, :, np.isfinite(drawn).all(axis=(0, 1))]
    if not drawn.shape[2]:
        raise MetricError("no resample has a value of every method on every task")
    # A bootstrap over few subjects spreads too little: as much as Student's t asks for is added.
    widths = [np.sqrt(n / (n - 1)) * t_quantile(LEVEL, n - 1) / _NORMAL for n in subjects]
    moved = table[:, :, None] + (drawn - table[:, :, None]) * np.array(widths)[None, :, None]
    resampled = stats.rankdata(-moved, axis=0).mean(axis=1)
    average = stats.rankdata(-table, axis=0).mean(axis=1)
    ends = np.quantile(resampled, [alpha / 2, 1 - alpha / 2], axis=1).T.tolist()
    intervals = {name: (low, high) for name, (low, high) in zip(values, ends, strict=True)}
    ranks, close = _average(values, table), _close(list(values), average, resampled, alpha)
    groups = _runs(list(ranks), lambda one, two: frozenset((one, two)) in close)
    return MethodRanks(ranks, table.shape[1], None, None, groups, "subjects", intervals)


def _close(
    names: Sequence[str], average: Floats, resampled: Floats, alpha: float
) -> set[frozenset[str]]:
    """Pairs whose order turns, or is lost, in one of the resamples that are kept."""
    one, two = np.triu_indices(len(names), 1)
    if not one.size:
        return set()
    measured = average[one] - average[two]
    moved = resampled[one] - resampled[two] - measured[:, None]
    error = moved.std(axis=1)
    ratios = np.abs(moved) / np.where(error > 0, error, np.inf)[:, None]
    farthest = ratios.max(axis=0)
    kept = moved[:, farthest <= np.quantile(farthest, 1 - alpha)]
    within = (np.sign(measured)[:, None] * (measured[:, None] + kept) <= 0).any(axis=1)
    return {frozenset((names[i], names[j])) for i, j in zip(one[within], two[within], strict=True)}


_NORMAL = 1.959963984540054  # the quantile of the normal distribution for 95 %


def _table(values: Mapping[str, Sequence[float]]) -> Floats:
    if not values or len({len(row) for row in values.values()}) != 1:
        raise MetricError("every method needs one value per task")
    table = np.array(list(values.values()), dtype=np.float64)
    if not table.shape[1] or not np.isfinite(table).all():
        raise MetricError("every method needs a finite value on every task")
    return table


def _average(values: Mapping[str, Sequence[float]], table: Floats) -> dict[str, float]:
    """Average ranks, the best first."""
    from scipy import stats

    average = stats.rankdata(-table, axis=0).mean(axis=1).tolist()
    return dict(sorted(zip(values, average, strict=True), key=lambda one: (one[1], one[0])))


def _shuffled(replicates: Floats, block: str) -> Floats:
    """Replicates in an order of the block's own: equal ids of two blocks are two subjects."""
    seed = int.from_bytes(hashlib.sha256(block.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).permutation(replicates)
