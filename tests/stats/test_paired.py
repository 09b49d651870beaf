"""All pairs of a table's lines, by replicates that were drawn alike."""

import numpy as np
import pytest
from scipy import stats

from bench.stats.paired import Side, compare_all
from fakes.sides import side


def test_a_pair_of_means_has_the_paired_t_test():
    generator = np.random.default_rng(0)
    first = generator.beta(2, 8, 40)
    second = first + generator.normal(0.03, 0.05, 40)
    pair = compare_all({"a": side(first), "b": side(second)})["a", "b"]
    expected = stats.ttest_rel(first, second)
    assert pair.difference == pytest.approx((first - second).mean())
    assert pair.p_value == pytest.approx(expected.pvalue, abs=0.001)
    low, high = expected.confidence_interval()
    assert (pair.low, pair.high) == pytest.approx((low, high), abs=0.003)
    assert pair.spread == pytest.approx((first - second).std(ddof=1), rel=0.1)
    assert pair.subjects == 40
    assert pair.verdict == "second is better"


def test_what_subjects_share_does_not_hide_a_difference():
    """Overlapping intervals, and yet the better method is better in every resample."""
    hard = np.linspace(0.05, 0.9, 12)
    better = hard + 0.02 + 0.01 * np.sin(np.arange(12))
    sides = {"a": side(hard), "b": side(better)}
    assert compare_all(sides)["a", "b"].verdict == "second is better"
    assert compare_all(sides, higher_is_better=False)["a", "b"].verdict == "first is better"


def test_turning_a_pair_turns_all_of_it():
    generator = np.random.default_rng(1)
    sides = {"a": side(generator.random(9)), "b": side(generator.random(9) + 2)}
    one = compare_all(sides)["a", "b"]
    back = compare_all(dict(reversed(sides.items())))["b", "a"]
    turned = one.turned
    assert (turned.difference, turned.low, turned.high) == pytest.approx(
        (back.difference, back.low, back.high)
    )
    assert (one.verdict, turned.verdict) == ("second is better", "first is better")
    assert turned.turned == one


def test_the_correction_is_over_all_pairs_and_every_pair_is_there():
    generator = np.random.default_rng(2)
    sides = {name: side(generator.random(10)) for name in "abcd"}
    pairs = compare_all(sides)
    assert len(pairs) == 6
    smallest = min(pairs.values(), key=lambda one: one.p_value)
    assert smallest.p_adjusted == pytest.approx(min(6 * smallest.p_value, 1))
    assert smallest.level == pytest.approx(0.05 / 6)


@pytest.mark.parametrize(("subjects", "few"), [(2, True), (4, True), (5, False)])
def test_few_subjects_are_said_to_be_too_few(subjects, few):
    values = np.linspace(0.1, 0.4, subjects)
    pair = compare_all({"a": side(values), "b": side(values * 1.5 + 0.1)})["a", "b"]
    assert (pair.verdict == "too few subjects") == few
    assert (pair.low is None) == few
    if few:
        assert (pair.p_value, pair.p_adjusted) == (1.0, 1.0)


def test_equal_methods_are_never_told_apart_and_other_subjects_never_compared():
    values = np.linspace(0.1, 0.4, 8)
    same = compare_all({"a": side(values), "b": side(values)})["a", "b"]
    assert (same.p_value, same.verdict) == (1.0, "no difference shown")
    assert compare_all({"a": side(values), "b": side(values, draws="other")}) == {}
    assert compare_all({"a": side(values)}) == compare_all({}) == {}


def test_a_difference_without_spread_has_the_p_value_of_the_sign_flips():
    values = np.linspace(0.1, 0.4, 7)
    pair = compare_all({"a": side(values + 0.25), "b": side(values)})["a", "b"]
    assert pair.p_value <= 2 / 2**7


@pytest.mark.parametrize(("gap", "p_value"), [(0.25, 2.0**-6), (-0.25, 2.0**-6), (0.0, 1.0)])
def test_where_no_resample_differs_the_p_value_is_that_of_seven_flipped_signs(gap, p_value):
    """In numbers that binary fractions hold, so that nothing is rounded."""
    drawn = np.array([0.25, 0.5, 0.75, 0.625])
    first = Side(0.5 + gap, (0.5 + gap,), drawn + gap, "same", 7)
    pair = compare_all({"a": first, "b": Side(0.5, (0.5,), drawn, "same", 7)})["a", "b"]
    assert (pair.subjects, pair.spread) == (7, 0.0)
    assert (pair.low, pair.difference, pair.high) == (gap, gap, gap)
    assert pair.p_value == pair.p_adjusted == p_value
    assert pair.level == 0.05  # one pair needs no correction


def test_a_number_that_most_resamples_lack_is_not_compared():
    drawn = np.array([0.25, np.nan, np.nan, 0.5])
    whole = Side(0.5, (0.5,), np.array([0.5, 0.25, 0.75, 0.5]), "same", 40)
    lacking = Side(0.25, (0.25,), np.array([0.25, np.nan, np.nan, np.nan]), "same", 40)
    pair = compare_all({"a": whole, "b": lacking})["a", "b"]
    assert (pair.subjects, pair.difference, pair.spread) == (0, 0.25, 0.0)
    assert (pair.low, pair.high, pair.p_value) == (None, None, 1.0)
    assert pair.verdict == "too few subjects"
    half = Side(0.25, (0.25,), drawn, "same", 40)  # half of them are enough
    assert compare_all({"a": whole, "b": half})["a", "b"].subjects == 40


def test_seeds_that_disagree_make_a_difference_less_sure():
    generator = np.random.default_rng(3)
    values = generator.beta(2, 8, 20)
    other = side(values - 0.05 + 0.02 * generator.standard_normal(20))
    sure = compare_all({"a": side(values), "b": other})["a", "b"]
    seeds = [values.mean() + one for one in (-0.1, 0.0, 0.1)]
    unsure = compare_all({"a": side(values, by_seed=seeds), "b": other})["a", "b"]
    assert sure.verdict == "first is better"
    assert unsure.verdict == "no difference shown"
    assert unsure.high - unsure.low > sure.high - sure.low
    assert unsure.spread == sure.spread  # of subjects alone: more of them are no more seeds


def test_a_table_of_equal_methods_errs_in_five_per_cent():
    """Five skewed methods without any difference, on 8 subjects; 2 standard errors allowed."""
    generator, tables, wrong = np.random.default_rng(4), 300, 0
    for at in range(tables):
        hard = generator.beta(0.8, 3.2, 8)
        sides = {
            f"m{m}": side(hard + 0.1 * generator.exponential(size=8), prefix=f"{at}-")
            for m in range(5)
        }
        wrong += any("better" in one.verdict for one in compare_all(sides).values())
    assert wrong / tables <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / tables)
