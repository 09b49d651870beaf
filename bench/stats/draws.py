"""How often each subject enters each bootstrap resample: its id alone decides.

So methods of a task, seeds and tasks with the same patients are resampled alike, whichever
machine made their records, and differences of their replicates are paired.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.stats.limits import RESAMPLES

Counts = npt.NDArray[np.int64]

SCHEME = 1
"""Changes when the same ids would give other draws."""
# P(count <= k) of a Poisson variable with mean 1; a count above 19 has probability 1e-19.
_STEPS = np.cumsum([math.exp(-1.0) / math.factorial(at) for at in range(20)])


def subject_draws(subjects: Sequence[str], *, resamples: int = RESAMPLES) -> Counts:
    """How often each subject is drawn in each resample: a Poisson number with mean 1.

    A resample thus holds about as many subjects as there are; with few subjects some are empty.

    Args:
        subjects: ids, each once.
        resamples: number of resamples.

    Returns:
        (resamples, subjects) int64; a subject's column depends on its id and nothing else.

    Source:
        Hanley and MacGibbon, "Creating non-parametric bootstrap samples using Poisson
        frequencies", 2006. The numbers come from SHAKE-256 of the id, the same everywhere.
    """
    columns = [_column(one, resamples) for one in subjects]
    return np.stack(columns, axis=1) if columns else np.empty((resamples, 0), dtype=np.int64)


def draws_of(subjects: Sequence[str]) -> str:
    """A short name of the draws of a set of subjects; equal names mean paired replicates."""
    names = "\n".join(sorted(subjects))
    return f"{SCHEME}-{hashlib.sha256(names.encode()).hexdigest()[:16]}"


def _column(subject: str, resamples: int) -> Counts:
    stream = hashlib.shake_256(subject.encode()).digest(8 * resamples)
    uniform = np.frombuffer(stream, dtype="<u8") / 2.0**64
    return np.searchsorted(_STEPS[:-1], uniform, side="right").astype(np.int64)
