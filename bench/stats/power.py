"""How many subjects would show a difference, and what difference so many subjects can show.

Of a paired comparison: `spread` is the standard deviation of the difference between subjects, as
a study of one subject would show it; it falls with the root of their number.
"""

from __future__ import annotations

import math

from bench.stats.limits import ALPHA, LEAST_SUBJECTS, MOST_SUBJECTS, POWER


def power_of(difference: float, spread: float, subjects: int, *, alpha: float = ALPHA) -> float:
    """How often a two-sided paired t test shows a difference.

    Args:
        difference: the true one.
        spread: as above, in the same unit; above 0.
        subjects: at least 2.
        alpha: error rate of the test.

    Returns:
        From alpha to 1.
    """
    from scipy import special

    freedom = subjects - 1.0
    limit = float(special.stdtrit(freedom, 1.0 - alpha / 2.0))
    centre = abs(difference) / spread * math.sqrt(subjects)
    # Far from its centre the noncentral distribution is NaN in place of the 0 it would be.
    if centre - limit > 20:
        return 1.0
    wrong_side = float(special.nctdtr(freedom, centre, -limit)) if centre < 4 else 0.0
    return 1.0 - float(special.nctdtr(freedom, centre, limit)) + wrong_side


def subjects_needed(difference: float, spread: float, *, alpha: float = ALPHA) -> int | None:
    """The least number of subjects that shows a difference with 80 % power.

    Args:
        difference: the true one, either sign.
        spread: as above.
        alpha: error rate of the test.

    Returns:
        At least `LEAST_SUBJECTS`; None where `MOST_SUBJECTS` do not suffice.
    """
    if not difference:
        return None
    if not spread or power_of(difference, spread, LEAST_SUBJECTS, alpha=alpha) >= POWER:
        return LEAST_SUBJECTS
    low, high = LEAST_SUBJECTS, MOST_SUBJECTS
    if power_of(difference, spread, high, alpha=alpha) < POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = power_of(difference, spread, middle, alpha=alpha) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high


def difference_shown(spread: float, subjects: int, *, alpha: float = ALPHA) -> float:
    """The smallest true difference that so many subjects show with 80 % power.

    Args:
        spread: as above.
        subjects: at least 2.
        alpha: error rate of the test.
    """
    low, high = 0.0, spread
    while power_of(high, spread, subjects, alpha=alpha) < POWER:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        enough = power_of(middle, spread, subjects, alpha=alpha) >= POWER
        low, high = (low, middle) if enough else (middle, high)
    return high
