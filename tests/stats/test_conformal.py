"""Conformal p-values against counting, and what they promise."""

import numpy as np
import pytest

from bench.errors import MetricError
from bench.stats.conformal import Conformal


def test_p_values_count_validation_voxels_that_score_as_high():
    conformal = Conformal([np.array([1, 2, 2], np.float32), np.array([5], np.float32)])
    scores = np.array([[0.0, 1.0, 2.0], [2.5, 5.0, 9.0]])
    assert conformal.p_values(scores) == pytest.approx(
        np.array([[5, 5, 4], [2, 2, 1]]) / 5, abs=1e-12
    )
    assert conformal.smallest == 0.2
    assert conformal.subjects == 2


def test_of_exchangeable_voxels_no_more_than_promised_are_marked():
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(400):
        conformal = Conformal([rng.normal(size=99).astype(np.float32)])
        rates.append((conformal.p_values(rng.normal(size=200)) <= 0.05).mean())
    assert np.mean(rates) == pytest.approx(0.05, abs=0.005)


def test_nothing_to_calibrate_on_is_refused():
    with pytest.raises(MetricError, match="no healthy validation voxels"):
        Conformal([np.empty(0, np.float32)])
