"""The script of the planned comparisons of ProxyAno's parts: paired over subjects and seeds."""

import dataclasses
import importlib.util
import sys

import numpy as np
import pytest
from scipy import stats

from bench.planning.suite import find_suite, read_suite
from bench.stats.draws import subject_draws
from conftest import ROOT

_SPEC = importlib.util.spec_from_file_location("parts_script", ROOT / "benchmarks" / "parts.py")
parts = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = parts  # dataclasses look there
_SPEC.loader.exec_module(parts)

IDS = [f"p{at}" for at in range(40)]
EASE = np.random.default_rng(0).uniform(0.3, 0.7, 40)
"""How easy a subject is, which a pair of fits shares."""


def fit(gain, *, noise=0, draws="d"):
    """The mean over subjects of a fit, whose values are those of `EASE`, a gain and noise."""
    values = EASE + gain
    if noise:
        values = values + np.random.default_rng(noise).normal(0, 0.05, 40)
    drawn = subject_draws(IDS)
    return parts.Found(values.mean(), drawn @ values / drawn.sum(axis=1), draws, 40), values


def test_one_seed_is_a_paired_t_test_over_subjects():
    (one, first), (two, second) = fit(0.03, noise=1), fit(0.0, noise=2)
    found = parts.gain([(one, two)])
    test = stats.ttest_rel(first, second)
    ends = test.confidence_interval(0.95)
    assert found.difference == pytest.approx(np.mean(first - second))
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=0.002)
    assert found.p_value == pytest.approx(test.pvalue, rel=0.25)


def test_seeds_that_disagree_widen_the_interval_and_what_they_share_does_not():
    agreeing = [(fit(shift + 0.03, noise=1)[0], fit(shift, noise=2)[0]) for shift in (0, 0.2)]
    apart = [(fit(gain, noise=1)[0], fit(0.0, noise=2)[0]) for gain in (0.0, 0.06)]
    calm, wide = parts.gain(agreeing), parts.gain(apart)
    assert calm.difference == pytest.approx(wide.difference)
    alone = parts.gain(agreeing[:1])
    assert dataclasses.astuple(calm) == pytest.approx(dataclasses.astuple(alone))
    # The variance over two seeds, and hardly more than its one degree of freedom.
    assert wide.high - wide.low > 2 * 0.03 * stats.t.ppf(0.975, 1.5)
    assert wide.p_value > 0.1 > 0.05 > calm.p_value


def test_other_subjects_or_too_few_are_refused():
    one, two = fit(0.1)[0], fit(0.0, draws="other")[0]
    with pytest.raises(ValueError, match="not measured on the same subjects"):
        parts.gain([(one, two)])
    single = parts.Found(0.5, np.full(9, 0.5), "d", 1)
    with pytest.raises(ValueError, match="1 subjects say nothing"):
        parts.gain([(single, single)])


def test_the_table_pairs_seeds_and_corrects_over_what_was_planned():
    t1, t2 = parts.TASKS
    found = {
        (t1, "proxyano", 0): fit(0.05, noise=1)[0],
        (t1, "proxyano-no-memory", 0): fit(0.0, noise=2)[0],
        (t2, "proxyano", 0): fit(0.0, noise=3)[0],
        (t2, "proxyano", 1): fit(0.0, noise=4)[0],
        (t2, "proxyano-no-memory", 1): fit(0.0, noise=5)[0],
        (t2, "proxyano-no-proxy", 0): fit(0.001, noise=3)[0],
        (t2, "proxyano-no-proxy", 1): fit(0.001, noise=4)[0],
    }
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in parts.lines(found)]
    assert [row[:3] for row in rows] == [
        [t1, "memory", "1"], [t2, "memory", "1"], [t2, "proxy", "2"],
        ["", "", "only 0"], ["", "", "only 1"],
    ]  # fmt: skip
    whole, without = found[t1, "proxyano", 0], found[t1, "proxyano-no-memory", 0]
    assert rows[0][3:5] == [f"{100 * whole.value:.2f}", f"{100 * without.value:.2f}"]
    # The proxy's p is smaller, so that Holm's factor is 2 for this one.
    assert float(rows[0][6]) == pytest.approx(2 * parts.gain([(whole, without)]).p_value, rel=0.01)
    assert [row[7] for row in rows] == ["helps", "no difference shown", "hurts", "", ""]
    assert rows[2][5].startswith("-0.10 [")


def test_the_suite_runs_what_the_script_compares():
    suite, requests = read_suite(find_suite("parts"))
    assert suite.title == "ProxyAno's memory and proxy on many subjects"
    assert [one.budget.name for one in requests] == ["quick", "smoke"]
    for one in requests:
        assert {card.card.name for card in one.methods} == {parts.WHOLE, *parts.PARTS.values()}
        assert {task.name for task in one.tasks} == set(parts.TASKS)
        assert all(one.methods_for(task) == one.methods for task in one.tasks), "no yardsticks"
