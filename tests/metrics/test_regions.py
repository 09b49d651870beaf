"""AUPRO and lesion-wise F1 against plain references, in 2-D and 3-D."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bench.errors import MetricError, UndefinedMetric
from bench.metrics import aupro, calibrated_threshold, lesion_f1, oracle_lesion_f1
from bench.metrics.counts import RankingCounts
from bench.metrics.regions import (
    ORACLE_THRESHOLDS,
    aupro_measure,
    connected_regions,
    f1_of_counts,
    oracle_thresholds,
    region_weights,
)

SHAPE = (3, 6, 7)


def label(truth, dimensions):
    """Regions by scipy; in two dimensions no pixel touches one of another image."""
    structure = np.ones((3, 3, 3))
    if dimensions == 2:
        structure[[0, 2]] = 0
    return ndimage.label(truth, structure)


def plain_aupro(truth, maps, dimensions, limit):
    """The definition, threshold by threshold, with trapezoids."""
    regions, number = label(truth, dimensions)
    rates, overlaps = [0.0], [0.0]
    for threshold in sorted(set(maps.ravel().tolist()), reverse=True):
        chosen = maps >= threshold
        rates.append(chosen[~truth].mean())
        overlaps.append(np.mean([chosen[regions == r + 1].mean() for r in range(number)]))
    grid = np.unique([r for r in rates if r < limit] + [limit])
    area = 0.0
    for left, right in pairwise(grid):
        # At a rate that several thresholds share the curve jumps: from its top on the left side
        # to its foot on the right side.
        top = max(o for r, o in zip(rates, overlaps, strict=True) if r == left)
        after = next(i for i, r in enumerate(rates) if r >= right)
        slope = (overlaps[after] - top) / (rates[after] - left)
        area += (right - left) * (top + slope * (right - left) / 2)
    return area / limit


@st.composite
def volumes(draw):
    truth = draw(arrays(np.bool_, SHAPE, elements=st.sampled_from([False, False, True])))
    assume(0 < truth.sum() < truth.size)
    values = draw(st.sampled_from([st.floats(-100, 100), st.sampled_from([0.0, 0.5, 1.0])]))
    return truth, draw(arrays(np.float64, SHAPE, elements=values))


@settings(deadline=None, max_examples=60)
@given(volumes(), st.sampled_from([2, 3]), st.sampled_from([0.05, 0.3, 1.0]))
def test_aupro_equals_the_plain_reference(volume, dimensions, limit):
    truth, maps = volume
    found = aupro(truth, maps, dimensions=dimensions, limit=limit)
    assert found == pytest.approx(plain_aupro(truth, maps, dimensions, limit), abs=1e-10)


def test_aupro_of_perfect_reversed_and_constant_maps():
    truth = np.zeros((2, 8, 8), bool)
    truth[0, 1:3, 1:3] = truth[1, 5:7, 2:6] = True
    assert aupro(truth, truth.astype(float)) == 1.0
    assert aupro(truth, -truth.astype(float)) == 0.0
    assert aupro(truth, np.ones(truth.shape)) == pytest.approx(0.15)


def test_aupro_weighs_a_small_region_like_a_large_one():
    truth = np.zeros((1, 10, 10), bool)
    truth[0, 0, 0] = True
    truth[0, 4:9, 4:9] = True
    maps = np.zeros(truth.shape)
    maps[0, 4:9, 4:9] = 1.0  # only the large one is found, the small one ties with the rest
    assert aupro(truth, maps) == pytest.approx(0.5 + 0.5 * 0.15)


def test_one_image_may_come_without_a_stack():
    truth = np.zeros((8, 8), bool)
    truth[2:4, 2:4] = True
    maps = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
    assert aupro(truth, maps) == aupro(truth[None], maps[None])


def test_aupro_resamples_subjects_exactly():
    generator = np.random.default_rng(1)
    truths = [generator.random(SHAPE) < 0.1 for _ in range(3)]
    maps = [np.round(generator.standard_normal(SHAPE), 1) for _ in range(3)]
    names = "abc"
    counts = RankingCounts(
        {n: m[t] for n, t, m in zip(names, truths, maps, strict=True)},
        weights={n: region_weights(t, 3) for n, t in zip(names, truths, strict=True)},
    )
    for n, t, m in zip(names, truths, maps, strict=True):
        counts.add(n, t, m)
    draws = np.array([[1, 1, 1], [2, 0, 1], [0, 3, 0]])
    values = counts.resample([aupro_measure()], draws)[0]
    gap = [np.zeros((1, *SHAPE[1:]))]  # keeps the copies of a stack apart
    for value, drawn in zip(values, draws, strict=True):
        order = [i for i, times in enumerate(drawn) for _ in range(times)]
        truth = np.concatenate(
            [part for i in order for part in [truths[i], np.array(gap[0], bool)]]
        )
        stack = np.concatenate([part for i in order for part in [maps[i], gap[0]]])
        inside = np.concatenate(
            [np.repeat([True, False], [SHAPE[0], 1]) for _ in order]
        )  # the gaps are no pixels of the case
        weights = {"all": region_weights(truth, 3)}
        whole = RankingCounts({"all": stack[truth]}, weights=weights)
        whole.add("all", truth[inside], stack[inside])
        assert value == pytest.approx(whole.value(aupro_measure()), abs=1e-12)


@settings(deadline=None)
@given(arrays(np.bool_, SHAPE), st.sampled_from([2, 3]))
def test_regions_are_those_of_scipy(truth, dimensions):
    found, number = connected_regions(truth, dimensions)
    expected, total = label(truth, dimensions)
    assert number == total
    assert np.array_equal(found > 0, truth)
    pairs = {*zip(found[truth].tolist(), expected[truth].tolist(), strict=True)}
    assert len(pairs) == total


def test_more_regions_than_sixteen_bits_can_number():
    truth = np.zeros((2, 400, 400), bool)
    truth[:, ::2, ::2] = True
    regions, number = connected_regions(truth, 2)
    assert number == regions.max() == 2 * 200 * 200
    assert (region_weights(truth, 2) == 1.0).all()


def plain_f1(truth, predicted, dimensions, min_component=0):
    lesions, number = label(truth, dimensions)
    components, total = label(predicted, dimensions)
    masks = [components == c + 1 for c in range(total)]
    masks = [mask for mask in masks if mask.sum() >= max(min_component, 1)]
    match = np.zeros((number, len(masks)), bool)
    for r in range(number):
        for c, mask in enumerate(masks):
            lesion = lesions == r + 1
            match[r, c] = (lesion & mask).sum() / (lesion | mask).sum() >= 0.1
    if not match.any():
        return 0.0
    recall, precision = match.any(axis=1).mean(), match.any(axis=0).mean()
    return 2 * recall * precision / (recall + precision)


@settings(deadline=None, max_examples=60)
@given(volumes(), st.sampled_from([2, 3]), st.integers(0, 4), st.floats(-100, 100))
def test_lesion_f1_equals_the_plain_reference(volume, dimensions, smallest, threshold):
    truth, maps = volume
    options = {"dimensions": dimensions, "min_component": smallest}
    found = lesion_f1(truth, maps, threshold, **options)
    assert found == pytest.approx(plain_f1(truth, maps > threshold, dimensions, smallest))
    tried = [
        plain_f1(truth, maps > t, dimensions, smallest) for t in oracle_thresholds(maps[truth])
    ]
    assert oracle_lesion_f1(truth, maps, **options) == pytest.approx(max(tried))


def test_calling_everything_a_lesion_finds_none():
    truth = np.zeros((1, 20, 20), bool)
    truth[0, 2:5, 2:5] = truth[0, 10:14, 10:14] = True
    assert lesion_f1(truth, np.ones(truth.shape), 0.5) == 0.0
    assert lesion_f1(truth, truth.astype(float), 0.5) == 1.0


def test_an_oracle_tries_a_limited_number_of_scores():
    scores = np.random.default_rng(0).permutation(1000.0 * np.arange(1000))
    thresholds = oracle_thresholds(scores)
    assert thresholds.size == ORACLE_THRESHOLDS
    assert (np.diff(thresholds) > 0).all()
    assert {*thresholds.tolist()} <= {*scores.tolist()}
    assert oracle_thresholds(np.array([2.0, 2.0])).tolist() == [2.0]
    assert not oracle_thresholds(np.empty(0)).size


def test_f1_without_lesions_is_undefined_and_without_components_zero():
    assert np.isnan(f1_of_counts(np.array([0, 0, 0, 3])))
    assert f1_of_counts(np.array([0, 2, 0, 0])) == 0.0
    with pytest.raises(UndefinedMetric, match="no lesion"):
        lesion_f1(np.zeros((4, 4)), np.zeros((4, 4)), 0.5)
    with pytest.raises(UndefinedMetric, match="no lesion"):
        oracle_lesion_f1(np.zeros((4, 4)), np.zeros((4, 4)))


@settings(deadline=None)
@given(
    arrays(np.float32, st.integers(1, 60), elements=st.floats(-5, 5, width=32)),
    st.sampled_from([0.0, 0.01, 0.1, 0.5]),
)
def test_calibrated_threshold_is_the_lowest_that_few_exceed(scores, rate):
    threshold = calibrated_threshold(scores, rate=rate)
    assert (scores > threshold).mean() <= rate
    lower = scores[scores < threshold]
    if lower.size:
        assert (scores > lower.max()).mean() > rate


def test_wrong_input_is_refused():
    truth = np.zeros((4, 4), bool)
    truth[1, 1] = True
    maps = np.zeros((4, 4))
    with pytest.raises(MetricError, match="shape"):
        aupro(truth, maps[:2])
    with pytest.raises(MetricError, match="H, W"):
        aupro(truth.ravel(), maps.ravel())
    with pytest.raises(MetricError, match="finite"):
        aupro(truth, maps + np.inf)
    with pytest.raises(MetricError, match="0 or 1"):
        aupro(truth * 3, maps)
    with pytest.raises(MetricError, match="limit"):
        aupro(truth, maps, limit=0)
    with pytest.raises(MetricError, match="rate"):
        calibrated_threshold(maps, rate=1.0)
    with pytest.raises(UndefinedMetric):
        aupro(~truth & truth, maps)
    with pytest.raises(UndefinedMetric):
        aupro(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))
    with pytest.raises(UndefinedMetric):
        calibrated_threshold([])
