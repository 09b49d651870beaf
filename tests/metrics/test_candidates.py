"""FROC against a plain count, candidate by candidate and threshold by threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bench.errors import MetricError, UndefinedMetric
from bench.metrics import froc, lesion_sensitivity
from bench.metrics.candidates import FROC_RATES, Candidates, FrocCounts, find_candidates

SHAPE = (3, 9, 10)


def plain_candidates(truth, maps, dimensions):
    """Scores of the best candidate of each lesion, and of the others, by loops."""
    around = np.ones((3, 3, 3))
    if dimensions == 2:
        around[[0, 2]] = 0
    lesions, number = ndimage.label(truth, around)
    peak = np.zeros(truth.shape, bool)
    for s, y, x in np.ndindex(truth.shape):
        depth = slice(max(s - 2, 0), s + 3) if dimensions == 3 else slice(s, s + 1)
        window = maps[depth, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        peak[s, y, x] = maps[s, y, x] == window.max()
    groups, count = ndimage.label(peak, around)
    found, false = [-np.inf] * number, []
    for group in range(1, count + 1):
        hits = []
        for s, y, x in np.argwhere(groups == group):
            depth = slice(max(s - 1, 0), s + 2) if dimensions == 3 else slice(s, s + 1)
            near = lesions[depth, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
            hits.append(lesions[s, y, x] or near.max())
        score = maps[groups == group][0]
        if min(hits):
            found[min(hits) - 1] = max(found[min(hits) - 1], score)
        else:
            false.append(score)
    return found, false


def plain_sensitivity(found, false, scans, rate):
    """The share of lesions at the best threshold that has few enough false positives."""
    best = 0.0
    for threshold in {*found, *false} - {-np.inf}:
        if sum(one >= threshold for one in false) <= rate * scans + 1e-9:
            best = max(best, sum(one >= threshold for one in found) / len(found))
    return best


@settings(max_examples=40, deadline=None)
@given(
    arrays(bool, SHAPE, elements=st.sampled_from([False] * 6 + [True])),
    arrays(np.float32, SHAPE, elements=st.integers(0, 6).map(float)),
    st.sampled_from([2, 3]),
)
def test_candidates_are_those_of_a_plain_count(truth, maps, dimensions):
    whole = np.ones(SHAPE, bool)
    one = find_candidates(truth, maps, whole, dimensions=dimensions)
    found, false = plain_candidates(truth, maps, dimensions)
    # Lesions are numbered in another order by the two libraries.
    assert sorted(one.found.tolist()) == sorted(found)
    assert sorted(one.false.tolist()) == sorted(false)
    assert one.scans == (1 if dimensions == 3 else 3)


lists = st.lists(st.integers(0, 5).map(float), max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(lists, lists, st.integers(1, 3)), min_size=1, max_size=4), st.data())
def test_sensitivities_are_those_of_a_plain_count(subjects, data):
    made = {
        str(at): Candidates(np.array([*f, -np.inf]), np.array(n), scans)
        for at, (f, n, scans) in enumerate(subjects)
    }
    weights = st.integers(0, 3)
    draw = data.draw(st.lists(weights, min_size=len(subjects), max_size=len(subjects)))
    values = FrocCounts(made).resample(FROC_RATES, np.array([draw]))[:, 0]
    pairs = [*zip(subjects, draw, strict=True)]
    found = [x for (f, _, _), times in pairs for x in [*f, -np.inf] * times]
    false = [x for (_, n, _), times in pairs for x in n * times]
    scans = sum(times * one[2] for one, times in pairs)
    if not found:
        assert np.isnan(values).all()
        return
    expected = [plain_sensitivity(found, false, scans, rate) for rate in FROC_RATES]
    assert values == pytest.approx(expected)


def test_many_candidates_are_worked_on_in_stretches(monkeypatch):
    generator = np.random.default_rng(0)
    made = {
        str(at): Candidates(generator.random(20) + 0.3, generator.random(200), 1) for at in range(5)
    }
    draws = generator.integers(0, 3, (40, 5))
    whole = FrocCounts(made).resample(FROC_RATES, draws)
    monkeypatch.setattr("bench.metrics.candidates._STRETCH", 1)
    assert np.array_equal(FrocCounts(made).resample(FROC_RATES, draws), whole)


def test_a_second_peak_at_one_lesion_counts_neither_way():
    truth = np.zeros((1, 9, 20), bool)
    truth[0, 2:7, 2:12] = True
    maps = np.zeros(truth.shape)
    maps[0, 4, 3] = maps[0, 4, 9] = 5.0  # two peaks in the one lesion
    maps[0, 4, 18] = 3.0
    assert lesion_sensitivity(truth, maps, 0) == 1.0
    one = find_candidates(truth, maps, maps > 0, dimensions=2)
    assert (one.found.tolist(), one.false.tolist()) == ([5.0], [3.0])


def test_a_constant_map_finds_nothing():
    truth = np.zeros((2, 9, 9), bool)
    truth[0, 3:5, 3:5] = True
    assert froc(truth, np.ones(truth.shape)) == 0.0


@given(arrays(np.float64, (1, 12, 12), elements=st.floats(-5, 5)))
@settings(max_examples=30, deadline=None)
def test_only_the_order_of_scores_matters(maps):
    truth = np.zeros(maps.shape, bool)
    truth[0, 2:4, 2:4] = truth[0, 8:10, 8:10] = True
    ranks = np.unique(maps, return_inverse=True)[1].reshape(maps.shape)
    assert froc(truth, maps) == froc(truth, np.exp(ranks / 20.0)) == froc(truth, ranks - 7)


def test_what_cannot_be_counted_is_refused():
    truth = np.zeros((1, 4, 4), bool)
    with pytest.raises(UndefinedMetric, match="no lesion"):
        froc(truth, np.ones(truth.shape))
    truth[0, 0, 0] = True
    with pytest.raises(MetricError, match="0 or more, found -1"):
        lesion_sensitivity(truth, np.ones(truth.shape), -1)
    with pytest.raises(MetricError, match="finite"):
        froc(truth, np.full(truth.shape, np.nan))
