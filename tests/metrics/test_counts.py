"""The streaming form: any chunking, any subjects, the same numbers; the bootstrap is exact."""

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.errors import MetricError, UndefinedMetric
from bench.metrics import ap_and_auroc, auroc, average_precision
from bench.metrics import counts as module
from bench.metrics.counts import Measure, RankingCounts, count
from bench.metrics.ranking import AP, AUROC, fpr_measure

FPR = fpr_measure(0.95)
blocks = module._blocks


def stated_bound(s):
    """The bound that the docstring of RankingCounts states for merged thresholds."""
    highest = s.tp / np.maximum(s.tp + s.fp_before, 1.0)
    lowest = (s.tp - s.tp_gain) / np.maximum(s.tp - s.tp_gain + s.fp, 1.0)
    return (s.tp_gain * (highest - lowest)).sum(axis=1) / s.positives[:, 0]


AP_ERROR = Measure(stated_bound, np.add)


def subjects(number=5, ties=False, seed=0):
    generator = np.random.default_rng(seed)
    made = {}
    for i in range(number):
        labels = generator.random(300 + 40 * i) < 0.05 * (i != 1)  # subject 1 is normal
        scores = (generator.standard_normal(labels.size) + labels + 0.3 * i).astype(np.float32)
        made[f"s{i}"] = labels, np.round(scores) if ties else scores
    return made


def counted(made, chunk=10_000):
    counts = RankingCounts({name: scores[labels] for name, (labels, scores) in made.items()})
    for name, (labels, scores) in made.items():
        for start in range(0, labels.size, chunk):
            part = slice(start, start + chunk)
            counts.add(name, labels[part], scores[part])
    return counts


def pooled(made, draws=None):
    times = [1] * len(made) if draws is None else draws
    labels = np.concatenate([np.tile(v[0], n) for v, n in zip(made.values(), times, strict=True)])
    scores = np.concatenate([np.tile(v[1], n) for v, n in zip(made.values(), times, strict=True)])
    return labels, scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("chunk", [1, 37, 10_000])
def test_chunks_do_not_matter(ties, chunk):
    made = subjects(ties=ties)
    counts, whole = counted(made, chunk), count(*pooled(made))
    for measure in (AP, AUROC, FPR):
        assert counts.value(measure) == whole.value(measure)
    assert (counts.cases, counts.positives) == (whole.cases, whole.positives)


def test_large_input_is_worked_on_in_chunks(monkeypatch):
    labels, scores = pooled(subjects())
    expected = count(labels, scores).value(AP)
    monkeypatch.setattr(module, "_SMALLEST_CHUNK", 64)
    monkeypatch.setattr(module, "_LARGEST_CHUNK", 64)
    assert count(labels, scores).value(AP) == expected


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("cores", [2, 3, 64])
def test_counts_of_several_threads_are_those_of_one(monkeypatch, ties, cores):
    made = subjects(ties=ties)
    one = counted(made)
    monkeypatch.setattr(module, "_SMALLEST_CHUNK", 16)
    monkeypatch.setattr(module, "_LARGEST_CHUNK", 16)
    monkeypatch.setattr(module, "_THREADED", 0)
    monkeypatch.setattr(module, "usable_cores", lambda: cores)
    several = counted(made)
    draws = np.random.default_rng(1).multinomial(5, np.full(5, 0.2), size=20)
    for measure in (AP, AUROC, FPR):
        assert several.value(measure) == one.value(measure)
    assert (
        several.resample([AP, AUROC], draws).tolist() == one.resample([AP, AUROC], draws).tolist()
    )
    labels, scores = pooled(made)
    assert ap_and_auroc(labels, scores) == (
        average_precision(labels, scores),
        auroc(labels, scores),
    )
    scores[3] = np.nan
    with pytest.raises(MetricError, match="1 NaN"):
        count(labels, scores)


@pytest.mark.parametrize("ties", [False, True])
def test_resampling_equals_pooling_repeated_subjects(ties, monkeypatch):
    monkeypatch.setattr(module, "_STRETCH", 200)  # several stretches per resample
    made = subjects(ties=ties)
    draws = np.random.default_rng(1).multinomial(5, np.full(5, 0.2), size=20)
    draws[0] = 1
    values = counted(made).resample([AP, AUROC, FPR], draws)
    for row, drawn in enumerate(draws):
        labels, scores = pooled(made, drawn)
        assert values[0, row] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
        assert values[1, row] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert values[2, row] == pytest.approx(count(labels, scores).value(FPR), abs=1e-12)


def test_a_resample_of_one_class_is_nan():
    values = counted(subjects()).resample([AP, AUROC, FPR], np.array([[0, 5, 0, 0, 0]]))
    assert np.isnan(values).all()


def test_merged_thresholds_keep_value_exact_and_resamples_within_the_bound(monkeypatch):
    made = subjects(number=4, seed=3)
    exact = counted(made)
    draws = np.random.default_rng(2).multinomial(4, np.full(4, 0.25), size=50)
    expected = exact.resample([AP, AUROC], draws)
    monkeypatch.setattr(module, "_blocks", lambda hits, limit: blocks(hits, 12))
    coarse = counted(made)
    assert coarse.value(AP) == exact.value(AP)
    found = coarse.resample([AP, AUROC], draws)
    assert not np.array_equal(found[0], expected[0])
    bound = coarse.resample([AP_ERROR], draws)[0]
    assert (np.abs(found[0] - expected[0]) <= bound + 1e-12).all()
    assert bound.max() < 0.5


def test_blocks_hold_about_equally_many_positives():
    hits = np.random.default_rng(0).integers(1, 4, 10_000).astype(float)
    starts = blocks(hits, 100)
    assert starts[0] == 0
    assert starts.size <= 100
    assert np.add.reduceat(hits, starts).max() <= hits.sum() / 100 + 2 * hits.max()


def test_positives_must_be_those_announced():
    counts = RankingCounts({"a": np.array([0.5])})
    with pytest.raises(MetricError, match="not announced"):
        counts.add("b", np.array([0]), np.array([0.1]))
    counts.add("a", np.array([0, 0]), np.array([0.1, 0.5]))
    with pytest.raises(MetricError, match="0 positives were added, 1 announced"):
        counts.value(AP)


def test_no_subjects_and_no_cases_are_undefined():
    with pytest.raises(UndefinedMetric):
        RankingCounts({}).value(AP)
    with pytest.raises(UndefinedMetric):
        RankingCounts({"a": np.array([])}).resample([AP], np.array([[1]]))


def test_subjects_of_different_types_are_ranked_together():
    made = subjects()
    mixed = {n: (la, s.astype(np.float64) if n == "s2" else s) for n, (la, s) in made.items()}
    assert counted(mixed).value(AP) == counted(made).value(AP)


def test_memory_grows_with_the_positives_not_with_the_pixels(monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_CHUNK", 1 << 15)
    generator = np.random.default_rng(0)
    scores = generator.standard_normal(2_000_000, dtype=np.float32)
    labels = generator.random(scores.size) < 0.001
    tracemalloc.start()
    try:
        count(labels, scores)
        extra = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert extra < (scores.nbytes + labels.nbytes) / 10


def test_weights_must_match_the_positives():
    with pytest.raises(MetricError, match="1 weights for 2 positives"):
        RankingCounts({"a": np.array([0.1, 0.2])}, weights={"a": np.array([1.0])})
