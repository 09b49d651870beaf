"""Best Dice against brute force over every threshold."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from bench.errors import MetricError, UndefinedMetric
from bench.metrics import best_dice, dice_at
from bench.metrics.overlap import dice_of_counts, fpr_of_counts, pixel_counts


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


@settings(deadline=None)
@given(
    arrays(np.bool_, 25),
    arrays(np.float32, 25, elements=st.integers(0, 9).map(float)),
    st.integers(-1, 9),
)
def test_dice_at_a_threshold_is_that_of_scikit_learn(labels, scores, threshold):
    assume(labels.any())
    expected = f1_score(labels, scores > threshold, zero_division=0)
    assert dice_at(labels, scores, threshold) == pytest.approx(expected)
    counts = pixel_counts(labels, scores, [threshold, 99])
    if not labels.all():
        false = (scores[~labels] > threshold).mean()
        assert fpr_of_counts(counts).tolist() == [pytest.approx(false), 0.0]


def test_a_threshold_is_rounded_as_the_scores_are():
    """A score that equals the threshold is not above it, though 0.1 is not what float32 holds."""
    scores = np.array([0.1, 0.2], np.float32)
    assert float(scores[0]) > 0.1
    assert pixel_counts(np.array([True, True]), scores, [0.1]).tolist() == [[1, 0, 2, 0]]


def test_a_part_without_lesions_or_without_normal_pixels_has_no_value():
    assert np.isnan(dice_of_counts([[0, 3, 0, 9]])).all()
    assert np.isnan(fpr_of_counts([[3, 0, 9, 0]])).all()
    with pytest.raises(UndefinedMetric, match="no lesion pixel"):
        dice_at([0, 0], [0.1, 0.2], 0.1)
