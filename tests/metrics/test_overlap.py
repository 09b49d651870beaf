"""Best Dice against brute force over every threshold."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.errors import MetricError, UndefinedMetric
from bench.metrics import best_dice


def brute_force(labels, scores):
    dices = []
    for threshold in set(scores.tolist()):
        chosen = scores >= threshold
        dices.append(2 * (chosen & labels).sum() / (chosen.sum() + labels.sum()))
    return max(dices)


@settings(deadline=None)
@given(
    arrays(np.bool_, 25),
    arrays(np.float64, 25, elements=st.floats(-1e300, 1e300) | st.sampled_from([0.0, -0.0, 1.0])),
)
def test_equal_to_brute_force(labels, scores):
    assume(0 < labels.sum() < labels.size)
    assert best_dice(labels, scores) == pytest.approx(brute_force(labels, scores), abs=1e-12)


def test_a_perfect_score_gives_one_and_a_constant_one_the_dice_of_everything():
    labels = np.arange(10) < 4
    assert best_dice(labels, labels.astype(float)) == 1.0
    assert best_dice(labels, np.zeros(10)) == pytest.approx(2 * 0.4 / 1.4)


def test_wrong_input_is_refused():
    with pytest.raises(UndefinedMetric):
        best_dice([0, 0], [0.1, 0.2])
    with pytest.raises(MetricError, match="finite"):
        best_dice([0, 1], [0.1, np.nan])
