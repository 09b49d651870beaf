"""Exact ranking metrics against scikit-learn and brute force, on adversarial cases."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.errors import MetricError, UndefinedMetric
from bench.metrics import auroc, average_precision, fpr_at_tpr

TINY = float(np.finfo(np.float64).smallest_subnormal)
AWKWARD = [0.0, -0.0, TINY, -TINY, 3 * TINY, 1e308, -1e308, 1.0, np.nextafter(1.0, 2.0), -1.0]
METRICS = [average_precision, auroc, fpr_at_tpr]


def floats(width):
    return st.floats(width=width, allow_nan=False, allow_infinity=False)


def as_type(dtype):
    if np.issubdtype(dtype, np.floating):
        return floats(np.dtype(dtype).itemsize * 8)
    info = np.iinfo(dtype)
    return st.integers(int(info.min), int(info.max))


@st.composite
def cases(draw):
    """Labels and scores of both classes: any type, many ties, denormals, huge values."""
    n = draw(st.integers(2, 40))
    labels = draw(arrays(np.bool_, n))
    assume(0 < labels.sum() < n)
    kind = draw(st.sampled_from(["type", "ties", "awkward"]))
    if kind == "ties":
        scores = draw(arrays(np.float32, n, elements=st.sampled_from([0.0, 0.5, 1.0])))
    elif kind == "awkward":
        scores = draw(arrays(np.float64, n, elements=st.sampled_from(AWKWARD)))
    else:
        dtype = draw(st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64]))
        scores = draw(arrays(dtype, n, elements=as_type(dtype)))
    label_type = draw(st.sampled_from([np.bool_, np.int8, np.uint8, np.int64, np.float64]))
    return labels.astype(label_type), scores


def brute_force_ap(labels, scores):
    total, previous = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        chosen = scores >= threshold
        recall = labels[chosen].sum() / labels.sum()
        total += (recall - previous) * labels[chosen].mean()
        previous = recall
    return total


def brute_force_auroc(labels, scores):
    pairs = [
        1.0 if p > n else 0.5 if p == n else 0.0 for p in scores[labels] for n in scores[~labels]
    ]
    return float(np.mean(pairs))


def brute_force_fpr(labels, scores, tpr):
    for threshold in sorted(set(scores.tolist()), reverse=True):
        chosen = scores >= threshold
        if chosen[labels].mean() >= tpr:
            return chosen[~labels].mean()
    raise AssertionError


@settings(deadline=None)
@given(cases())
def test_equal_to_scikit_learn(case):
    labels, scores = case
    # scikit-learn's own float16 arithmetic is not the yardstick; the conversion is exact.
    theirs = scores.astype(np.float32) if scores.dtype == np.float16 else scores
    truth = labels.astype(bool)
    assert average_precision(labels, scores) == pytest.approx(
        average_precision_score(truth, theirs), abs=1e-12
    )
    assert auroc(labels, scores) == pytest.approx(roc_auc_score(truth, theirs), abs=1e-12)


@settings(deadline=None)
@given(cases(), st.sampled_from([0.05, 0.5, 0.8, 0.95, 1.0]))
def test_equal_to_brute_force(case, tpr):
    labels, scores = case[0].astype(bool), case[1]
    assert average_precision(labels, scores) == pytest.approx(brute_force_ap(labels, scores))
    assert auroc(labels, scores) == pytest.approx(brute_force_auroc(labels, scores))
    assert fpr_at_tpr(labels, scores, tpr=tpr) == brute_force_fpr(labels, scores, tpr)


@settings(deadline=None)
@given(cases(), st.randoms(use_true_random=False))
def test_order_and_shape_of_cases_do_not_matter(case, random):
    labels, scores = case
    order = list(range(labels.size))
    random.shuffle(order)
    for metric in METRICS:
        shuffled = metric(labels[order][None, :, None], scores[order][None, :, None])
        assert shuffled == metric(labels, scores)


def test_large_case_equals_scikit_learn():
    generator = np.random.default_rng(0)
    labels = generator.random(200_000) < 0.01
    scores = (generator.standard_normal(labels.size) + labels).astype(np.float32)
    for values in (scores, np.round(scores, 1)):
        assert average_precision(labels, values) == pytest.approx(
            average_precision_score(labels, values), abs=1e-12
        )
        assert auroc(labels, values) == pytest.approx(roc_auc_score(labels, values), abs=1e-12)


def test_the_two_zeros_are_one_score():
    labels = [True, False, True, False]
    assert auroc(labels, [-0.0, 0.0, 0.0, -0.0]) == 0.5
    assert average_precision(labels, np.float32([-0.0, 0.0, 0.0, -0.0])) == 0.5


def test_a_constant_score_gives_prevalence_and_one_half():
    labels = np.arange(100) < 7
    assert average_precision(labels, np.full(100, 1e30)) == 0.07
    assert auroc(labels, np.full(100, 1e30)) == 0.5
    assert fpr_at_tpr(labels, np.zeros(100)) == 1.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 1])
def test_scores_that_are_not_finite_are_refused(metric, wrong, at):
    scores = np.array([0.1, 0.2, 0.3])
    scores[at] = wrong
    with pytest.raises(MetricError, match="finite"):
        metric([1, 0, 0], scores)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("labels", "words"), [([0, 0], "negative"), ([1, 1], "positive")])
def test_one_class_is_undefined(metric, labels, words):
    with pytest.raises(UndefinedMetric, match=words):
        metric(labels, [0.1, 0.2])


@pytest.mark.parametrize("metric", METRICS)
def test_empty_input_is_undefined(metric):
    with pytest.raises(UndefinedMetric, match="no cases"):
        metric([], [])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("labels", [[0, 2], [-1, 1], [0.5, 1.0], [np.nan, 1.0]])
def test_labels_must_be_binary(metric, labels):
    with pytest.raises(MetricError, match="0 or 1"):
        metric(labels, [0.1, 0.2])


@pytest.mark.parametrize("metric", METRICS)
def test_wrong_shapes_and_types_are_refused(metric):
    with pytest.raises(MetricError, match="shape"):
        metric([0, 1, 1], [0.1, 0.2])
    with pytest.raises(MetricError, match="type"):
        metric(["a", "b"], [0.1, 0.2])
    with pytest.raises(MetricError, match="type"):
        metric([0, 1], np.array([0.1, 0.2], dtype=complex))


@pytest.mark.parametrize("tpr", [0.0, 1.5, np.nan])
def test_tpr_out_of_range_is_refused(tpr):
    with pytest.raises(MetricError, match="tpr"):
        fpr_at_tpr([0, 1], [0.1, 0.2], tpr=tpr)


def test_inputs_are_left_as_they_were():
    labels, scores = np.array([0, 1, 0, 1]), np.array([0.3, 0.1, 0.2, 0.4])
    scores.flags.writeable = labels.flags.writeable = False
    average_precision(labels, scores)
    assert scores.tolist() == [0.3, 0.1, 0.2, 0.4]
