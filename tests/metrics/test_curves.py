import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from sklearn.metrics import precision_recall_curve, roc_curve

from bench.errors import UndefinedMetric
from bench.metrics import auroc, average_precision
from bench.metrics.counts import count
from bench.metrics.curves import ranking_curves


def curves(labels, scores, points=10_000):
    return ranking_curves(count(labels, scores), points=points)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=4, max_size=60).filter(
        lambda cases: len({label for label, _ in cases}) == 2
    )
)
def test_whole_curves_enclose_the_metrics_areas(cases):
    labels, scores = (np.array(one) for one in zip(*cases, strict=True))
    found = curves(labels, scores.astype(np.float32))
    assert trapezoid(found.roc[:, 1], found.roc[:, 0]) == pytest.approx(auroc(labels, scores))
    recall = np.concatenate([[0], found.pr[:, 0]])
    steps = np.diff(recall) @ found.pr[:, 1]
    assert steps == pytest.approx(average_precision(labels, scores))


def test_every_thinned_point_lies_on_scikit_learns_curve():
    rng = np.random.default_rng(0)
    labels = rng.random(20_000) < 0.02
    scores = (rng.normal(size=20_000) + labels).round(2).astype(np.float32)
    found = curves(labels, scores, points=50)
    assert 30 < len(found.roc) <= 53
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert np.interp(found.roc[:, 0], false, true) == pytest.approx(found.roc[:, 1], abs=0.02)
    assert found.roc[0].tolist() == [0, 0]
    assert found.roc[-1].tolist() == [1, 1]
    precision, recall, _ = precision_recall_curve(labels, scores)
    known = {(round(r, 9), round(p, 9)) for r, p in zip(recall, precision, strict=True)}
    assert {(round(r, 9), round(p, 9)) for r, p in found.pr.tolist()} <= known


def test_a_constant_score_gives_the_chance_lines():
    found = curves([0, 0, 0, 1], [1.0, 1.0, 1.0, 1.0])
    assert found.roc.tolist() == [[0, 0], [1, 1]]
    assert found.pr.tolist() == [[1, 0.25]]


def test_one_class_has_no_curve():
    with pytest.raises(UndefinedMetric):
        curves([1, 1], [0.0, 1.0])
