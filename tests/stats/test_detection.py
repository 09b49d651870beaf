"""The detection limit: threshold, twins and fit, against truth and against a slow solution."""

import numpy as np
import pytest
from scipy.optimize import minimize

from bench.errors import MetricError
from bench.stats.detection import Seen, firth, fit_limit, limit_at

SIZES, CONTRASTS = (4.0, 6.0, 9.0, 13.0, 19.0), (0.1, 0.2, 0.4, 0.8)


def simulated(volumes, seed=0, twin=-9.0):
    """Lesions found with probability 1/2 at 9 mm and contrast 0.4; a threshold at 0."""
    rng = np.random.default_rng(seed)
    seen, peaks = [], {}
    for at in range(volumes):
        peaks[f"v{at}"] = np.array([0.0, 0.0, -1.0, -2.0])  # two per volume lie at 0
        for size in SIZES:
            for contrast in CONTRASTS:
                logit = 3 * np.log(size / 9) + 2 * np.log(contrast / 0.4)
                found = rng.uniform() < 1 / (1 + np.exp(-logit))
                seen.append(Seen(f"v{at}", size, contrast, 1.0 if found else -1.0, twin))
    return seen, peaks


def test_the_fit_recovers_the_truth():
    fitted = fit_limit(*simulated(300), [0.4, 0.8])
    assert fitted.coefficients[1:] == pytest.approx((3, 2), abs=0.35)
    assert [one.diameter_mm for one in fitted.limits] == pytest.approx(
        [9, 9 * 2 ** (-2 / 3)], rel=0.05
    )
    assert (fitted.volumes, fitted.lesions) == (300, 6000)


def test_intervals_cover_the_truth():
    ends = [fit_limit(*simulated(12, seed), [0.4]).limits[0] for seed in range(40)]
    covered = sum(one.low <= 9 <= one.high for one in ends)
    assert 34 <= covered <= 40
    assert all(one.low <= one.diameter_mm <= one.high for one in ends)


def test_too_few_volumes_have_no_interval():
    (limit,) = fit_limit(*simulated(4), [0.4]).limits
    assert (limit.low, limit.high) == (None, None)


def test_what_the_twin_shows_too_is_not_found():
    seen, peaks = simulated(5, twin=0.5)
    fitted = fit_limit(seen, peaks, [0.4])
    assert fitted.found == 0
    assert fitted.limits[0].diameter_mm > 19


def test_the_threshold_lets_one_peak_pass_per_volume():
    peaks = {"a": np.array([9.0, 8.0, 7.0]), "b": np.array([1.0, 0.5])}
    lesions = [
        Seen("a", size, contrast, score, -9.0)
        for size, contrast, score in (
            (4.0, 0.1, 7.0),
            (4.0, 0.2, 7.1),
            (9.0, 0.1, 7.2),
            (9.0, 0.2, 9),
        )
    ]
    # Two volumes: two peaks (9 and 8) may pass, the third (7) may not.
    assert fit_limit(lesions, peaks, [0.1]).found == 3
    assert fit_limit(lesions, peaks, [0.1], rate=0.5).found == 1  # above 8


def test_a_method_that_finds_everything_is_below_the_smallest():
    seen = [Seen(f"v{v}", s, c, 5.0, -5.0) for v in range(6) for s in SIZES for c in CONTRASTS]
    fitted = fit_limit(seen, {f"v{v}": np.zeros(3) for v in range(6)}, [0.4])
    assert fitted.found == len(seen)
    assert np.isfinite(fitted.coefficients).all()


def test_firth_is_the_maximum_of_the_penalised_likelihood():
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(12), rng.normal(size=(12, 2))])
    tried = rng.integers(3, 9, 12).astype(float)
    hits = rng.binomial(tried.astype(int), 0.7).astype(float)

    def penalised(beta):
        p = 1 / (1 + np.exp(-design @ beta))
        likelihood = (hits * np.log(p) + (tried - hits) * np.log(1 - p)).sum()
        information = design.T @ (design * (tried * p * (1 - p))[:, None])
        return -(likelihood + 0.5 * np.linalg.slogdet(information)[1])

    slow = minimize(
        penalised,
        np.zeros(3),
        method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000},
    )
    fast = firth(design, np.stack([hits, tried]), np.stack([tried, tried]))
    assert fast[0] == pytest.approx(slow.x, abs=1e-5)
    assert np.isfinite(fast[1]).all()  # all are found: the usual fit has no maximum


def test_larger_lesions_that_are_not_found_more_often_have_no_limit():
    assert limit_at((0.0, -1.0, 1.0), 0.4) == np.inf


def test_one_size_is_refused():
    with pytest.raises(MetricError, match="two sizes"):
        fit_limit([Seen("a", 4.0, 0.1, 1, 0)], {"a": np.zeros(1)}, [0.1])


def test_shares_are_those_of_the_lesions_as_they_are_not_of_a_resample():
    found = {("a", 4.0): 1.0, ("a", 9.0): 1.0, ("b", 4.0): -1.0, ("b", 9.0): 1.0, ("c", 4.0): -1.0}
    seen = [Seen(*where, c, score, -9.0) for where, score in found.items() for c in (0.1, 0.2)]
    fitted = fit_limit(seen, {one: np.zeros(2) for one in "abc"}, [0.1])
    assert fitted.shares == {
        (4.0, 0.1): 1 / 3, (4.0, 0.2): 1 / 3, (9.0, 0.1): 1.0, (9.0, 0.2): 1.0
    }  # fmt: skip
