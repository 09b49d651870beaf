"""Average ranks over tasks."""

import numpy as np
import pytest
from scipy import stats

from bench.errors import MetricError
from bench.stats.ranks import MethodRanks, rank_by_subjects, rank_methods


def test_ranks_over_tasks_share_ties_and_put_the_best_first():
    found = rank_methods({"a": [0.9, 0.8], "b": [0.9, 0.5], "c": [0.1, 0.6]})
    assert found.ranks == {"a": 1.25, "b": 2.25, "c": 2.5}
    assert list(found.ranks) == ["a", "b", "c"]
    assert found.tasks == 2


def test_methods_of_one_rank_stand_in_the_order_of_their_names():
    found = rank_methods({"b": [0.5, 0.4], "c": [0.1, 0.2], "a": [0.4, 0.5]})
    assert list(found.ranks.items()) == [("a", 1.5), ("b", 1.5), ("c", 3.0)]


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


def test_two_methods_on_two_tasks_are_compared_without_friedman():
    found = rank_methods({"a": [0.9, 0.8], "b": [0.5, 0.4]})
    # Of two methods the studentized range is that of a normal difference: 1.96.
    assert found.critical_difference == pytest.approx(1.96 * np.sqrt(2 * 3 / (6 * 2)), abs=1e-3)
    assert found.p_value is None
    assert found.groups == (("a", "b"),)  # a whole rank apart is less than 1.386


def test_too_little_to_rank():
    assert rank_methods({"a": [0.1], "b": [0.2]}) == MethodRanks(
        {"b": 1.0, "a": 2.0}, tasks=1, p_value=None, critical_difference=None, groups=()
    )
    assert rank_methods({"a": [0.1, 0.2]}).groups == ()
    assert rank_methods({"a": [1, 1], "b": [1, 1], "c": [1, 1]}).p_value is None
    for wrong in ({}, {"a": []}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [np.nan]}):
        with pytest.raises(MetricError):
            rank_methods(wrong)


def drawn(value, spread, seed, size=1000):
    return value + spread * np.random.default_rng(seed).standard_normal(size)


def test_tasks_that_share_subjects_are_no_independent_witnesses():
    """Two tasks with the same noise tell less than two with noise of their own."""
    values = {"a": [0.5, 0.5], "b": [0.4, 0.4]}
    flat = np.full(1000, 0.5)
    noise = [drawn(0.4, 0.07, 0), drawn(0.4, 0.07, 0)]
    replicates = {"a": [flat, flat], "b": noise}
    one = rank_by_subjects(values, replicates, [10, 10], ["x", "x"])
    two = rank_by_subjects(values, replicates, [10, 10], ["x", "y"])
    assert one.by == two.by == "subjects"
    assert one.ranks == two.ranks == {"a": 1.0, "b": 2.0}
    # Together both tasks turn in the same resamples: a rank of 1.5 never comes out.
    assert one.intervals["a"] == (1.0, 2.0)
    assert two.intervals["a"] == (1.0, 1.5)
    assert one.groups == (("a", "b"),)
    assert one.critical_difference is None


def test_a_difference_far_beyond_the_noise_is_told_apart():
    values = {"a": [0.9, 0.9], "b": [0.5, 0.5], "c": [0.501, 0.499]}
    replicates = {
        name: [drawn(one, 0.01, seed + at) for at, one in enumerate(row)]
        for seed, (name, row) in zip((0, 10, 20), values.items(), strict=True)
    }
    found = rank_by_subjects(values, replicates, [20, 20], ["x", "y"])
    assert found.intervals["a"] == (1.0, 1.0)
    assert found.groups == (("b", "c"),)
    assert found.p_value is None


def test_resamples_without_a_value_are_left_out():
    values = {"a": [0.9], "b": [0.5]}
    gaps = np.where(np.arange(1000) % 3 == 0, np.nan, 0.5)
    found = rank_by_subjects(values, {"a": [drawn(0.9, 0.01, 0)], "b": [gaps]}, [9], ["x"])
    assert found.intervals == {"a": (1.0, 1.0), "b": (2.0, 2.0)}
    with pytest.raises(MetricError, match="no resample"):
        rank_by_subjects(values, {"a": [gaps], "b": [gaps * np.nan]}, [9], ["x"])


@pytest.mark.parametrize(
    ("turned", "drop", "interval", "told_apart"),
    [
        (20, 0.054, (1.0, 1.0), True),  # 2 % are beyond neither end of a 95 % interval
        (30, 0.054, (1.0, 2.0), True),  # 3 % are, but 95 % of the resamples agree
        (70, 0.054, (1.0, 2.0), False),
        (70, 0.053, (1.0, 1.0), True),  # no order turns
    ],
)
def test_few_subjects_widen_what_was_drawn_as_students_t_does(turned, drop, interval, told_apart):
    """Of 4 subjects by sqrt(4 / 3) * 3.182 / 1.960 = 1.875: 0.1 is lost from 0.0533 on."""
    first = np.full(1000, 0.5)
    first[:turned] -= drop
    found = rank_by_subjects(
        {"a": [0.5], "b": [0.4]}, {"a": [first], "b": [np.full(1000, 0.4)]}, [4], ["x"]
    )
    assert found.intervals["a"] == interval
    assert found.intervals["b"] == (3 - interval[1], 2.0)
    assert found.groups == (() if told_apart else (("a", "b"),))
    assert found.tasks == 1
