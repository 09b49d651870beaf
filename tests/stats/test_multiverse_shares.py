"""Shares of variance and turned orders, against values worked out by hand and brute force."""

from itertools import combinations, product

import numpy as np
import pytest

from bench.errors import MetricError
from bench.stats.multiverse import TOGETHER, turned_alone, variance_shares

CHOICES = [{"a": a, "b": b} for a, b in product("xyz", "uv")]


def test_a_choice_that_decides_everything_has_the_whole_variance():
    signs = np.array([[1.0 if one["b"] == "u" else -1.0 for one in CHOICES]])
    assert variance_shares(signs, CHOICES) == pytest.approx({"a": 0, "b": 1, TOGETHER: 0})
    assert turned_alone(signs, CHOICES) == {"a": 0.0, "b": 1.0}


def test_what_choices_do_together_is_not_said_of_one():
    two = [{"a": a, "b": b} for a, b in product("xy", "uv")]
    signs = np.array([[1.0, -1.0, -1.0, 1.0]])  # exclusive or
    assert variance_shares(signs, two) == pytest.approx({"a": 0, "b": 0, TOGETHER: 1})
    assert turned_alone(signs, two) == {"a": 1.0, "b": 1.0}


def test_shares_are_those_of_an_analysis_of_variance():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 6))
    shares = variance_shares(values, CHOICES)
    table = values.reshape(4, 3, 2)
    total = ((values - values.mean(1, keepdims=True)) ** 2).sum()
    of_a = 2 * ((table.mean(2) - values.mean(1, keepdims=True)) ** 2).sum()
    assert shares["a"] == pytest.approx(of_a / total)
    assert sum(shares.values()) == pytest.approx(1)


def test_orders_turned_by_one_choice_are_counted_one_by_one():
    signs = np.random.default_rng(1).integers(-1, 2, (5, 6)).astype(float)
    for name in ("a", "b"):
        found = [
            row[i] * row[j] < 0
            for row in signs
            for i, j in combinations(range(6), 2)
            if CHOICES[i][name] != CHOICES[j][name]
            and all(CHOICES[i][k] == CHOICES[j][k] for k in CHOICES[i] if k != name)
        ]
        assert turned_alone(signs, CHOICES)[name] == pytest.approx(np.mean(found))


def test_nothing_varies():
    assert variance_shares(np.ones((2, 6)), CHOICES) == {}


def test_a_choice_with_one_option_turns_nothing_and_is_not_named():
    assert turned_alone(np.array([[1.0, -1.0]]), [{"a": "x", "b": "u"}, {"a": "y", "b": "u"}]) == {
        "a": 1.0
    }


def test_a_hole_in_the_design_is_refused():
    with pytest.raises(MetricError, match="not all 6 combinations"):
        variance_shares(np.ones((1, 5)), CHOICES[:-1])
