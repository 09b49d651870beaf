"""Two methods by each subject's values: for records without replicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError
from bench.stats.holm import holm
from bench.stats.intervals import Floats, t_quantile
from bench.stats.limits import ALPHA, LEAST_SUBJECTS, LEVEL

# Sign flips of up to 14 subjects are enumerated (2**14), of more are drawn.
_FLIPS = 1 << 14

Verdict = Literal["first is better", "second is better", "no difference shown", "too few subjects"]


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same subjects.

    Attributes:
        subjects: pairs with a value on both sides.
        difference: mean of first minus second.
        low: lower end of its 95 % interval, by Student's t; None with too few subjects.
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
    alpha: float = ALPHA,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Compare two methods subject by subject, on one or several tasks at once.

    Args:
        pairs: per comparison, the values of both methods, (n,) each, in the same order of
            subjects; a pair with a NaN is left out.
        higher_is_better: of the values; False turns the verdict, not the difference.
        alpha: family-wise error rate over all comparisons.
        seed: of drawn sign flips.

    Raises:
        MetricError: the two sides differ in length.
    """
    found = {name: _differences(name, *sides) for name, sides in pairs.items()}
    p_values = [_flip_test(one, seed) for one in found.values()]
    adjusted = holm(p_values)
    return {
        name: _comparison(one, higher_is_better, p, q, alpha / len(found), alpha)
        for (name, one), p, q in zip(found.items(), p_values, adjusted, strict=True)
    }


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
) -> Comparison:
    low = high = None
    size = differences.size
    mean = float(differences.mean()) if size else 0.0
    verdict: Verdict = "no difference shown"
    if 2.0 ** (1 - size) > strictest:  # the p-value of differences of one sign
        verdict = "too few subjects"
    elif adjusted <= alpha:
        verdict = "first is better" if (mean > 0) == higher_is_better else "second is better"
    if size >= LEAST_SUBJECTS:
        half = t_quantile(LEVEL, size - 1.0) * float(differences.std(ddof=1)) / np.sqrt(size)
        low, high = mean - half, mean + half
    return Comparison(size, mean, low, high, rank_biserial(differences), p, adjusted, verdict)


def rank_biserial(differences: Floats) -> float:
    """Matched-pairs rank-biserial correlation, from -1 to 1, of (n,) differences."""
    from scipy import stats

    moved = differences[differences != 0]
    if not moved.size:
        return 0.0
    ranks = stats.rankdata(np.abs(moved))
    return float((ranks * np.sign(moved)).sum() / ranks.sum())
