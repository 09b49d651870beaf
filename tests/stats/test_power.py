import numpy as np
import pytest
from scipy import stats

from bench.stats.paired import compare_all
from bench.stats.power import difference_shown, power_of, subjects_needed
from fakes.sides import side


def test_the_textbook_number_of_pairs():
    """Cohen (1988), matched pairs: d = 0.5 asks for 34 pairs, d = 0.8 for 15."""
    assert subjects_needed(0.5, 1.0) == 34
    assert subjects_needed(-0.8, 1.0) == 15
    assert power_of(0.5, 1.0, 34) == pytest.approx(0.808, abs=0.002)


def test_power_is_the_error_rate_without_a_difference_and_grows_to_one():
    assert power_of(0.0, 1.0, 10) == pytest.approx(0.05)
    powers = [power_of(0.4, 1.0, n) for n in (5, 10, 40, 200, 1000, 100_000)]
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(1.0)


def test_the_ends():
    assert subjects_needed(0.0, 1.0) is None
    assert subjects_needed(0.01, 1.0) is None
    assert subjects_needed(9.0, 1.0) == subjects_needed(1.0, 0.0) == 5
    assert subjects_needed(0.5, 1.0, alpha=0.05 / 15) > subjects_needed(0.5, 1.0)
    assert subjects_needed(2.0, 1.0, alpha=0.05 / 15) > subjects_needed(2.0, 1.0) == 5


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 15])
@pytest.mark.parametrize(("subjects", "spread"), [(5, 0.2), (30, 0.2), (500, 0.2), (5, 3.0)])
def test_the_difference_that_is_shown_needs_as_many_subjects(subjects, spread, alpha):
    difference = difference_shown(spread, subjects, alpha=alpha)
    assert power_of(difference, spread, subjects, alpha=alpha) == pytest.approx(0.8, abs=1e-6)
    assert subjects_needed(difference * (1 + 1e-9), spread, alpha=alpha) == subjects


def test_studies_of_the_size_needed_show_the_difference_in_four_of_five():
    """Against truth: skewed subjects, a mean difference of 0.03 with standard deviation 0.06."""
    n = subjects_needed(0.03, 0.06)
    generator, shown, studies = np.random.default_rng(0), 0, 250
    for at in range(studies):
        hard = generator.beta(0.8, 3.2, n)
        gain = 0.03 + 0.06 * (generator.gamma(4, 0.5, n) - 2)
        sides = {"a": side(hard, prefix=f"{at}-"), "b": side(hard + gain, prefix=f"{at}-")}
        shown += compare_all(sides)["a", "b"].verdict == "second is better"
    assert shown / studies == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize("subjects", [5, 12, 80, 1000])
@pytest.mark.parametrize("difference", [0.01, 0.2, 1.0, 5.0])
def test_power_is_that_of_the_noncentral_t(subjects, difference):
    freedom, centre = subjects - 1, difference * np.sqrt(subjects)
    limit = stats.t.ppf(0.975, freedom)
    expected = 1.0
    if centre < 30:
        expected = stats.nct.sf(limit, freedom, centre)
        expected += stats.nct.cdf(-limit, freedom, centre) if centre < 4 else 0.0
    assert power_of(difference, 1.0, subjects) == pytest.approx(expected, abs=1e-6)


def test_seeds_add_a_variance_that_no_number_of_subjects_takes_away():
    """Against the same noncentral t with Welch's degrees of freedom."""
    seeds, n = ((0.03**2 / 3, 2.0),), 10
    own = 0.05**2 / n
    variance = own + seeds[0][0]
    freedom = variance**2 / (own**2 / (n - 1) + seeds[0][0] ** 2 / 2)
    limit, centre = stats.t.ppf(0.975, freedom), 0.06 / np.sqrt(variance)
    expected = stats.nct.sf(limit, freedom, centre) + stats.nct.cdf(-limit, freedom, centre)
    assert power_of(0.06, 0.05, n, seeds=seeds) == pytest.approx(expected, abs=1e-6)
    assert power_of(0.06, 0.05, n, seeds=seeds) < power_of(0.06, 0.05, n)
    strict = 0.05 / 231
    assert subjects_needed(0.66, 0.09, alpha=strict) == 5
    assert subjects_needed(0.66, 0.09, alpha=strict, seeds=((0.14**2 / 3, 2.0),)) is None
    assert subjects_needed(0.06, 0.05, seeds=((0.0, 2.0),)) == subjects_needed(0.06, 0.05)
    shown = difference_shown(0.05, n, seeds=seeds)
    assert power_of(shown, 0.05, n, seeds=seeds) == pytest.approx(0.8, abs=1e-6)
    assert shown > difference_shown(0.05, n)
    assert difference_shown(0.0, n) == 0.0
