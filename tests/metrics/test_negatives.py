"""Negatives counted by buckets are those counted one by one, whatever the scores are like."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.metrics import ap_and_auroc
from bench.metrics import counts as counts_module
from bench.metrics import negatives as module
from bench.metrics.negatives import buckets_of, count_negatives

SIZE = 6000


def normal(generator):
    return generator.standard_normal(SIZE, dtype=np.float32)


def skewed(generator):
    return (generator.exponential(size=SIZE) ** 6).astype(np.float32)


def zeros(generator):
    above = np.maximum(skewed(generator) - 1, 0)
    signs = generator.choice(np.array([-1, 1], np.float32), SIZE)
    return np.where(above, above, above * signs)


SCORES = {
    "continuous": normal,
    "continuous, 64 bits": lambda g: g.standard_normal(SIZE),
    "16 bits": lambda g: g.standard_normal(SIZE).astype(np.float16),
    "tied": lambda g: np.round(normal(g), 1),
    "skewed": skewed,
    "skewed, 64 bits": lambda g: g.exponential(size=SIZE) ** 6,
    "skewed, below zero": lambda g: -skewed(g),
    "many zeros, of both signs": zeros,
    "bytes": lambda g: g.integers(0, 256, SIZE).astype(np.uint8),
    "whole numbers": lambda g: g.integers(-(2**31), 2**31, SIZE).astype(np.int32),
    "long whole numbers": lambda g: 2**62 + g.integers(0, 50, SIZE),
    "two values": lambda g: g.integers(0, 2, SIZE).astype(np.float32),
    "one value": lambda g: np.full(SIZE, 0.25, np.float32),
    "the whole range": lambda g: g.uniform(-1, 1, SIZE).astype(np.float32) * np.float32(3.4e38),
    "the whole range, 64 bits": lambda g: g.uniform(-1, 1, SIZE) * 1.79e308,
    "hardly above zero": lambda g: normal(g) * np.float32(1e-42),
    "neighbours": lambda g: (
        np.float32(1) + g.integers(0, 40, SIZE) * np.finfo(np.float32).eps
    ).astype(np.float32),
    "one far away": lambda g: np.append(normal(g)[1:], np.float32(1e30)),
}


@pytest.mark.parametrize("share", [0.002, 0.05, 0.6])
@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("part", [SIZE, 700])
@pytest.mark.parametrize("most_pairs", [0, SIZE])
def test_counts_are_those_of_comparing_one_by_one(monkeypatch, kind, share, part, most_pairs):
    monkeypatch.setattr(module, "_MOST_PAIRS", most_pairs)
    generator = np.random.default_rng(3)
    scores = SCORES[kind](generator)
    labels = generator.random(SIZE) < share
    thresholds = np.unique(scores[labels]).astype(np.result_type(scores, np.uint8))
    parts = [slice(start, start + part) for start in range(0, SIZE, part)]
    negatives = np.sort(scores[~labels])
    found = count_negatives(labels, scores, parts, thresholds, buckets_of(thresholds, scores.dtype))
    assert (found.positives, found.negatives) == (labels.sum(), (~labels).sum())
    wide = thresholds[:, None]
    assert found.fp.tolist() == (negatives >= wide).sum(axis=1).tolist()
    assert found.fp_before.tolist() == (negatives > wide).sum(axis=1).tolist()
    again = count_negatives(labels, scores, parts, thresholds, None)
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize(
    "kind", ["continuous", "tied", "skewed", "many zeros, of both signs", "bytes"]
)
@pytest.mark.parametrize("most_pairs", [0, SIZE])
def test_few_scores_are_left_to_sort(monkeypatch, kind, most_pairs):
    """So what was compared above is the way by buckets, not sorting alone."""
    monkeypatch.setattr(module, "_MOST_PAIRS", most_pairs)
    generator = np.random.default_rng(3)
    scores = SCORES[kind](generator)
    thresholds = np.unique(scores[generator.random(SIZE) < 0.05])
    buckets = buckets_of(thresholds, scores.dtype)
    slots = np.empty(SIZE, np.intp)
    left, equal = buckets.look_up(scores, slots)
    assert left.size < 0.35 * SIZE
    assert bool(left.size) <= buckets.unsure
    if buckets.pairs:
        assert not equal.size
        equal = slots[slots % 2 == 1]
    assert set(np.unique(scores[np.isin(scores, thresholds)])) == set(
        buckets.thresholds[equal]
    ) | set(left[np.isin(left, thresholds)])


@pytest.mark.parametrize(
    ("thresholds", "kind"),
    [
        (np.empty(0, np.float32), np.float32),
        (np.array([2**60, 2**60 + 1]), np.int64),
        (np.array([0.5], np.float32), np.int64),
        (np.array([0.5], np.longdouble), np.float32),
        (np.array([-1.1e308, -1e308, 1e308]), np.float64),
        (np.array([-1.0, *np.linspace(1e-9, 1.1e-9, 90), 1.0]), np.float64),
    ],
)
def test_scores_that_buckets_do_not_serve_are_sorted(thresholds, kind):
    assert buckets_of(thresholds, np.dtype(kind)) is None


def test_scores_of_another_type_than_the_thresholds():
    thresholds = np.linspace(0, 1, 11, dtype=np.float32)
    scores = np.append(thresholds.astype(float), thresholds.astype(float) + 1e-12)
    buckets = buckets_of(thresholds, scores.dtype)
    found = count_negatives(np.zeros(22, bool), scores, [slice(0, 22)], thresholds, buckets)
    assert found.fp.tolist() == list(range(22, 0, -2))
    assert found.fp_before.tolist() == list(range(21, 0, -2))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("cores", [1, 3])
@pytest.mark.parametrize("most_pairs", [0, SIZE])
def test_equal_to_scikit_learn_by_buckets_on_several_threads(monkeypatch, ties, cores, most_pairs):
    monkeypatch.setattr(module, "_MOST_PAIRS", most_pairs)
    monkeypatch.setattr(counts_module, "_FEW", 0)
    monkeypatch.setattr(counts_module, "_THREADED", 0)
    monkeypatch.setattr(counts_module, "_SMALLEST_CHUNK", 512)
    monkeypatch.setattr(counts_module, "usable_cores", lambda: cores)
    generator = np.random.default_rng(5)
    labels = generator.random(SIZE) < 0.03
    scores = normal(generator) + labels
    scores = np.round(scores, 1) if ties else scores
    expected = average_precision_score(labels, scores), roc_auc_score(labels, scores)
    assert ap_and_auroc(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_where_most_scores_would_be_left_the_rest_is_sorted_at_once(monkeypatch):
    looked_up = []
    look_up = module.Buckets.look_up

    def counted(self, scores, slots):
        looked_up.append(scores.size)
        return look_up(self, scores, slots)

    monkeypatch.setattr(module.Buckets, "look_up", counted)
    thresholds = np.append(np.linspace(0, 1, 9), 0.5000001)
    thresholds.sort()
    scores = np.full(400, 0.50000005)
    parts = [slice(start, start + 100) for start in range(0, 400, 100)]
    found = count_negatives(
        np.zeros(400, bool), scores, parts, thresholds, buckets_of(thresholds, scores.dtype)
    )
    assert looked_up == [100]
    assert found.fp.tolist() == [400] * 5 + [0] * 5
