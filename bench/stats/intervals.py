"""Interval of one number from its bootstrap replicates over subjects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.stats.limits import LEAST_SUBJECTS, LEVEL

Floats = npt.NDArray[np.float64]
Part = tuple[float, float]
"""A variance and its degrees of freedom."""


def logit_interval(
    value: float,
    replicates: Floats,
    subjects: int,
    *,
    by_seed: Sequence[float] = (),
    level: float = LEVEL,
) -> tuple[float, float] | None:
    """Student's interval on the logit of a number from 0 to 1.

    Args:
        value: the number; with several seeds their mean.
        replicates: (R,) its bootstrap replicates over subjects, with several seeds the means of
            theirs; NaN where undefined (one class only): those are left out.
        subjects: how many the variance comes from; t has one degree of freedom less.
        by_seed: value of each seed, where the method draws: the seeds are a sample of their
            own, and the variance of their mean is added.
        level: what the interval should cover, from 0 to 1.

    Returns:
        Low and high end, from 0 to 1; None with fewer than two subjects, or where the number is
        undefined in more than half of the resamples.

    Source:
        Chosen by simulation among percentile, BCa and t intervals: ``benchmarks/intervals.py``.
    """
    part = subject_part(replicates, subjects)
    if part is None:
        return None
    slope = value * (1.0 - value)  # of the inverse logit: turns variances into those of logits
    if slope <= 0:
        return value, value
    variance, freedom = total([part, *seed_part(by_seed)])
    half = t_quantile(level, freedom) * np.sqrt(variance) / slope
    centre = np.log(value / (1.0 - value))
    # exp() overflows beyond 700; the ends are 0 and 1 long before.
    ends = np.clip([centre - half, centre + half], -700.0, 700.0)
    low, high = 1.0 / (1.0 + np.exp(-ends))
    return min(float(low), value), max(float(high), value)


def mean_interval(values: Sequence[float], *, level: float = LEVEL) -> tuple[float, float] | None:
    """Student's interval on the mean of amounts that are not negative, one per subject.

    Args:
        values: n amounts, 0 or more.
        level: what the interval should cover, from 0 to 1.

    Returns:
        Low and high end, 0 or more; None with fewer than `LEAST_SUBJECTS` subjects.
    """
    if len(values) < LEAST_SUBJECTS:
        return None
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    half = t_quantile(level, len(values) - 1.0) * error
    return max(mean - half, 0.0), mean + half


def subject_part(replicates: Floats, subjects: int) -> Part | None:
    """Variance of a number over subjects, and its degrees of freedom.

    Args:
        replicates: (R,) of the number, or of a difference of two; NaN where undefined.
        subjects: n. The variance over resamples is n - 1 nths of what it estimates.
    """
    defined = replicates[np.isfinite(replicates)]
    if subjects < 2 or not defined.size or 2 * defined.size < replicates.size:
        return None
    return float(defined.var()) * subjects / (subjects - 1), subjects - 1.0


def subject_parts(replicates: Floats, subjects: Sequence[int]) -> list[Part | None]:
    """`subject_part` of many numbers at once, to the same bits.

    Args:
        replicates: (N, R) as there.
        subjects: n of each.
    """
    whole = np.isfinite(replicates).all(axis=1)
    variances = replicates.var(axis=1).tolist() if whole.all() else None
    if variances is None:
        return [subject_part(*one) for one in zip(replicates, subjects, strict=True)]
    return [
        (variance * n / (n - 1), n - 1.0) if n >= 2 and replicates.shape[1] else None
        for variance, n in zip(variances, subjects, strict=True)
    ]


def seed_part(by_seed: Sequence[float]) -> list[Part]:
    """Variance of a mean over seeds, and its degrees of freedom; empty with fewer than two."""
    if len(by_seed) < 2:
        return []
    return [(float(np.var(by_seed, ddof=1)) / len(by_seed), len(by_seed) - 1.0)]


def total(parts: Sequence[Part]) -> Part:
    """Sum of independent variances, and its degrees of freedom after Welch and Satterthwaite."""
    variance = sum(one for one, _ in parts)
    squares = sum(one**2 / freedom for one, freedom in parts)
    return variance, variance**2 / squares if squares > 0 else parts[0][1]


def t_quantile(level: float, freedom: float) -> float:
    """The quantile of Student's distribution between whose negative and itself ``level`` lies."""
    from scipy import special

    return float(special.stdtrit(freedom, (1.0 + level) / 2.0))
