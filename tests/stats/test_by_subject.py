"""Two methods by each subject's values."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import MetricError
from bench.stats.by_subject import compare_pairs


def one(first, second, **options):
    return compare_pairs({"task": (first, second)}, **options)["task"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_the_p_value_is_that_of_all_sign_flips(differences):
    flips = np.array([*product([-1, 1], repeat=len(differences))]) @ differences
    share = float(np.mean(np.abs(flips) >= abs(sum(differences))))
    assert one(differences, [0] * len(differences)).p_value == pytest.approx(share)


def test_a_clear_difference_has_direction_interval_and_effect():
    better = np.linspace(0.5, 0.6, 10)
    found = one(better + 0.1, better + 0.01 * np.sin(np.arange(10)))
    assert found.verdict == "first is better"
    assert found.effect == 1.0
    assert found.low < found.difference < found.high
    assert found.low > 0
    assert found.p_value == pytest.approx(2 / 2**10)
    back = one(better, better + 0.1)
    assert back.verdict == "second is better"
    assert back.effect == -1.0


def test_noise_shows_no_difference():
    generator = np.random.default_rng(0)
    found = one(generator.standard_normal(30), generator.standard_normal(30))
    assert found.verdict == "no difference shown"
    assert abs(found.effect) < 0.5
    again = np.random.default_rng(0)
    assert found == one(again.standard_normal(30), again.standard_normal(30))


@pytest.mark.parametrize(
    ("subjects", "tasks", "enough"), [(5, 1, False), (6, 1, True), (6, 4, False), (8, 4, True)]
)
def test_too_few_subjects_are_said_to_be_too_few(subjects, tasks, enough):
    pairs = {f"t{i}": (np.arange(subjects) + 1.0, np.zeros(subjects)) for i in range(tasks)}
    verdicts = {found.verdict for found in compare_pairs(pairs).values()}
    assert verdicts == {"first is better" if enough else "too few subjects"}


def test_equal_methods_and_missing_values():
    same = one(np.ones(8), np.ones(8))
    assert (same.p_value, same.effect, same.verdict) == (1.0, 0.0, "no difference shown")
    gaps = one([0.1, np.nan, 0.3, 0.4], [0.0, 0.0, np.nan, 0.1])
    assert gaps.subjects == 2
    nothing = one([np.nan], [0.5])
    assert (nothing.subjects, nothing.low, nothing.verdict) == (0, None, "too few subjects")
    with pytest.raises(MetricError, match="length"):
        one([1.0], [1.0, 2.0])
    assert compare_pairs({}) == {}
