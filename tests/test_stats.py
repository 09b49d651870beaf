"""Bootstrap over subjects, paired comparisons, ranks over tasks."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.errors import MetricError
from bench.stats import (
    compare_pairs,
    holm,
    percentile_interval,
    rank_methods,
    subject_draws,
)


def test_draws_are_seeded_and_draw_as_many_as_there_are():
    draws = subject_draws(7, resamples=200, seed=3)
    assert draws.shape == (200, 7)
    assert (draws.sum(axis=1) == 7).all()
    assert np.array_equal(draws, subject_draws(7, resamples=200, seed=3))
    assert not np.array_equal(draws, subject_draws(7, resamples=200, seed=4))


def test_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(0).standard_normal(400)
    means = subject_draws(400, resamples=4000) @ values / 400
    low, high = percentile_interval(means)
    assert low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.01)
    assert high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.01)


def test_undefined_resamples_are_left_out():
    assert percentile_interval(np.array([0.5, np.nan, 0.5])) == (0.5, 0.5)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [0.5, np.nan, np.nan]])
def test_a_mostly_undefined_statistic_has_no_interval(values):
    assert percentile_interval(np.array(values, dtype=float)) is None


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


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_equals_the_definition(p_values):
    adjusted = holm(p_values)
    ordered = sorted(p_values)
    for p, q in zip(p_values, adjusted, strict=True):
        rank = max(i for i, other in enumerate(ordered) if other == p)
        steps = [(len(ordered) - i) * ordered[i] for i in range(rank + 1)]
        assert q == pytest.approx(min(max(steps), 1.0))


def test_ranks_over_tasks_share_ties_and_put_the_best_first():
    found = rank_methods({"a": [0.9, 0.8], "b": [0.9, 0.5], "c": [0.1, 0.6]})
    assert found.ranks == {"a": 1.25, "b": 2.25, "c": 2.5}
    assert list(found.ranks) == ["a", "b", "c"]
    assert found.tasks == 2


def test_critical_difference_and_friedman_are_those_of_demsar():
    # 4 methods on 14 tasks: q = 2.569, as in the paper's table 5(a).
    generator = np.random.default_rng(0)
    table = {name: (generator.random(14) + i).tolist() for i, name in enumerate("abcd")}
    found = rank_methods(table)
    assert found.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=2e-3)
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*table.values()).pvalue)
    assert found.groups == (("d", "c"), ("c", "b"), ("b", "a"))


def test_a_group_is_not_repeated_inside_a_larger_one():
    found = rank_methods({"a": [3, 1, 2], "b": [2, 3, 1], "c": [1, 2, 3]})
    assert found.groups == (("a", "b", "c"),)
    assert found.p_value == 1.0


def test_too_little_to_rank():
    assert rank_methods({"a": [0.1], "b": [0.2]}).critical_difference is None
    assert rank_methods({"a": [0.1, 0.2]}).groups == ()
    assert rank_methods({"a": [1, 1], "b": [1, 1], "c": [1, 1]}).p_value is None
    for wrong in ({}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [np.nan]}):
        with pytest.raises(MetricError):
            rank_methods(wrong)
