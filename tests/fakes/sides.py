"""Numbers with replicates, from each subject's value."""

from __future__ import annotations

import numpy as np

from bench.stats.draws import subject_draws
from bench.stats.paired import Side


def side(values, *, draws: str = "same", by_seed=(), prefix: str = "p") -> Side:
    """The mean over subjects, and its replicates."""
    values = np.asarray(values, dtype=float)
    drawn = subject_draws([f"{prefix}{at}" for at in range(values.size)])
    total = np.where(drawn.any(axis=1), drawn.sum(axis=1), np.nan)
    return Side(values.mean(), tuple(by_seed), drawn @ values / total, draws, values.size)
