"""How many subjects would show a difference, and what difference so many subjects can show.

Of a paired comparison: `spread` is the standard deviation of the difference between subjects, as
a study of one subject would show it; it falls with the root of their number. What seeds add to the
variance does not fall with more subjects, and has few degrees of freedom of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.stats.intervals import Floats, Part
from bench.stats.limits import ALPHA, LEAST_SUBJECTS, MOST_SUBJECTS, POWER


def power_of(
    difference: float,
    spread: float,
    subjects: int,
    *,
    alpha: float = ALPHA,
    seeds: Sequence[Part] = (),
) -> float:
    """How often a two-sided paired t test shows a difference.

    Args:
        difference: the true one.
        spread: as above, in the same unit; above 0.
        subjects: at least 2.
        alpha: error rate of the test.
        seeds: variances of means over seeds, as `bench.stats.intervals.seed_part` gives them for
            each side; a study with as many seeds is meant.

    Returns:
        From 0 to 1; without a difference ``alpha``.
    """
    return float(_powers(difference, spread, np.array([subjects]), alpha, seeds)[0])


def _powers(
    difference: float,
    spread: float,
    subjects: npt.NDArray[np.int64],
    alpha: float,
    seeds: Sequence[Part],
) -> Floats:
    """`power_of` for (n,) numbers of subjects."""
    from scipy import special

    own = spread**2 / subjects
    squares = own**2 / (subjects - 1.0) + sum(one**2 / freedom for one, freedom in seeds)
    variance = own + sum(one for one, _ in seeds)
    # As `bench.stats.intervals.total` has it.
    freedom = variance**2 / squares if seeds else subjects - 1.0
    limit = special.stdtrit(freedom, 1.0 - alpha / 2.0)
    centre = abs(difference) / np.sqrt(variance)
    # Far from its centre the noncentral distribution is NaN in place of the 0 it would be.
    far = centre - limit > 20
    near = np.where(far, 0.0, centre)
    wrong_side = np.where(near < 4, special.nctdtr(freedom, np.minimum(near, 4.0), -limit), 0.0)
    return np.where(far, 1.0, 1.0 - special.nctdtr(freedom, near, limit) + wrong_side)


def subjects_needed(
    difference: float,
    spread: float,
    *,
    alpha: float = ALPHA,
    seeds: Sequence[Part] = (),
    least: int = LEAST_SUBJECTS,
) -> int | None:
    """The least number of subjects that shows a difference with 80 % power.

    Args:
        difference: the true one, either sign.
        spread: as above.
        alpha: error rate of the test.
        seeds: as in `power_of`.
        least: no smaller study is looked at.

    Returns:
        At least ``least``; None where `MOST_SUBJECTS` do not suffice.
    """
    if not difference:
        return None
    if not spread and not any(variance for variance, _ in seeds):
        return least
    sizes = np.arange(least, max(least, MOST_SUBJECTS) + 1)
    # All of them: beside the variance over seeds, more subjects do not always tell more.
    enough = _powers(difference, spread, sizes, alpha, seeds) >= POWER
    return int(sizes[enough.argmax()]) if enough.any() else None


def difference_shown(
    spread: float, subjects: int, *, alpha: float = ALPHA, seeds: Sequence[Part] = ()
) -> float:
    """The smallest true difference that so many subjects show with 80 % power.

    Args:
        spread: as above.
        subjects: at least 2.
        alpha: error rate of the test.
        seeds: as in `power_of`.

    Returns:
        0 or more; 0 where nothing varies.
    """
    low, high = 0.0, float(np.sqrt(spread**2 + sum(variance for variance, _ in seeds)))
    if not high:
        return 0.0
    while power_of(high, spread, subjects, alpha=alpha, seeds=seeds) < POWER:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        enough = power_of(middle, spread, subjects, alpha=alpha, seeds=seeds) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high
