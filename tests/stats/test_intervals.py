import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit

from bench.stats.draws import subject_draws
from bench.stats.intervals import (
    logit_interval,
    mean_interval,
    seed_part,
    subject_part,
    subject_parts,
    total,
)

IDS = [f"p{at}" for at in range(60)]


def means(values):
    draws = subject_draws(IDS[: len(values)])
    return draws @ values / draws.sum(axis=1)


def test_interval_of_a_mean_is_that_of_student_on_the_logit():
    values = np.random.default_rng(0).beta(4, 12, 60)
    low, high = logit_interval(values.mean(), means(values), 60)
    mean, error = values.mean(), stats.sem(values)
    half = stats.t.ppf(0.975, 59) * error / (mean * (1 - mean))
    assert low == pytest.approx(expit(logit(mean) - half), rel=0.03)
    assert high == pytest.approx(expit(logit(mean) + half), rel=0.03)


def test_undefined_resamples_are_left_out_and_most_must_be_defined():
    replicates = np.array([0.4, np.nan, 0.6])
    assert logit_interval(0.5, replicates, 5) == logit_interval(0.5, replicates[[0, 2]], 5)
    for missing in ([], [np.nan, np.nan], [0.5, np.nan, np.nan]):
        assert logit_interval(0.5, np.array(missing, dtype=float), 5) is None
    assert logit_interval(0.5, np.array([0.4, 0.6]), 1) is None


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_number_at_the_end_of_its_range_stays_there(value):
    assert logit_interval(value, np.full(9, value), 8) == (value, value)


def test_the_ends_stay_in_the_range():
    low, high = logit_interval(0.999999, np.array([0.2, 0.999999, 0.9999999]), 3)
    assert 0 <= low <= 0.999999 <= high <= 1


def test_seeds_widen_the_interval_by_their_own_variance():
    values = np.random.default_rng(1).beta(4, 12, 20)
    mean, replicates = values.mean(), means(values)
    one = logit_interval(mean, replicates, 20)
    same = logit_interval(mean, replicates, 20, by_seed=[mean] * 3)
    far = logit_interval(mean, replicates, 20, by_seed=[mean - 0.1, mean, mean + 0.1])
    assert same == pytest.approx(one)
    assert far[0] < one[0] < one[1] < far[1]
    # Alone, the seeds would give Student's interval with two degrees of freedom.
    alone = logit_interval(0.5, np.full(9, 0.5), 20, by_seed=[0.4, 0.5, 0.6])
    half = stats.t.ppf(0.975, 2) * stats.sem([0.4, 0.5, 0.6]) / 0.25
    assert alone == pytest.approx((expit(-half), expit(half)))


def test_a_variance_over_resamples_is_scaled_by_n_over_n_less_one():
    assert subject_part(np.array([1.0, 2.0, 3.0, 4.0]), 5) == (1.25 * 5 / 4, 4.0)
    assert subject_part(np.array([1.0, 3.0]), 2) == (1.0 * 2 / 1, 1.0)
    assert subject_part(np.array([1.0, 3.0]), 1) is None


def test_two_seeds_have_a_variance_and_one_has_none():
    assert seed_part([0.25, 0.75]) == [(0.125 / 2, 1.0)]
    assert seed_part([0.25]) == seed_part([]) == []


def test_degrees_of_freedom_are_those_of_welch():
    first, second = np.random.default_rng(2).standard_normal((2, 7)) * [[1], [3]]
    parts = [*seed_part(first), *seed_part(second)]
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert total(parts)[1] == pytest.approx(expected.df)


def test_the_interval_covers_where_the_percentile_interval_does_not():
    """Skewed values of 6 subjects; the larger simulation is benchmarks/intervals.py."""
    generator, truth = np.random.default_rng(3), 0.2
    draws = subject_draws(IDS[:6])
    kept = draws[draws.any(axis=1)]
    hits = percentile = 0
    for _ in range(400):
        values = generator.beta(0.8, 3.2, 6)
        replicates = kept @ values / kept.sum(axis=1)
        low, high = logit_interval(values.mean(), replicates, 6)
        hits += low <= truth <= high
        low, high = np.quantile(replicates, [0.025, 0.975])
        percentile += low <= truth <= high
    assert hits / 400 > 0.92
    assert percentile / 400 < 0.87


def test_the_interval_of_a_mean_is_that_of_student_and_does_not_fall_below_zero():
    values = [0.5, 0.9, 1.4, 2.0, 3.2]
    expected = stats.t.interval(0.9, 4, np.mean(values), stats.sem(values))
    assert mean_interval(values, level=0.9) == pytest.approx(expected)
    low, high = mean_interval([0.0, 0.0, 0.0, 0.0, 1.0])
    assert (low, high) == (0.0, pytest.approx(0.2 + stats.t.ppf(0.975, 4) * 0.2))
    assert mean_interval(values[:4]) is None


@pytest.mark.parametrize("lacking", [False, True])
def test_many_numbers_at_once_have_the_variances_of_each_to_the_last_bit(lacking):
    generator = np.random.default_rng(3)
    replicates = generator.beta(2, 9, (7, 1000)) - generator.beta(3, 9, 1000)
    if lacking:
        replicates[2, 5], replicates[4, 100:] = np.nan, np.nan
    subjects = [2, 3, 10, 40, 5, 1, 8]
    found = subject_parts(replicates, subjects)
    assert found == [subject_part(*one) for one in zip(replicates, subjects, strict=True)]
    assert [one is None for one in found] == [at == 5 or (lacking and at == 4) for at in range(7)]
    assert subject_parts(np.empty((0, 1000)), []) == []
