"""Every metric of the table works in a protocol, also a lower-is-better and a new one."""

import numpy as np
import pytest

from bench import metrics
from bench.cards import ProtocolCard
from bench.cards.base import parse_card
from bench.errors import CardError
from bench.metrics import ranking, regions
from bench.metrics.counts import Measure
from bench.metrics.table import METRICS, Metric
from bench.protocol import apply_protocol
from bench.store.predictions import SubjectPrediction


def card(**fields):
    content = {"name": "p", "version": 1, "title": "p", "description": "p", "level": "pixel"}
    return ProtocolCard.model_validate(content | {"pool": "pooled"} | fields)


def subject(name, seed, role="test"):
    generator = np.random.default_rng(seed)
    labels = np.zeros((5, 16, 16), bool)
    if role == "test":
        labels[1, 3:9, 3:9] = labels[3, 10:13, 4:8] = True
    maps = (generator.standard_normal(labels.shape) + 2 * labels).astype(np.float32)
    return SubjectPrediction(
        subject=name,
        role=role,
        maps=maps,
        scores=maps.max(axis=(1, 2)),
        masks=np.ones(labels.shape, bool),
        labels=labels,
        image_labels=labels.any(axis=(1, 2)),
    )


@pytest.fixture(scope="module")
def cohort():
    tested = [subject(name, at) for at, name in enumerate("abc")]
    return [*tested, subject("v", 9, role="validation")]


def pooled(cohort):
    tested = [one for one in cohort if one.role == "test"]
    return (np.concatenate([getattr(one, name) for one in tested]) for name in ("labels", "maps"))


def test_fpr_at_tpr_over_all_pixels(cohort):
    numbers = apply_protocol(card(metrics=["fpr_at_tpr"]), lambda: iter(cohort))
    assert numbers.metrics == {"fpr_at_tpr": metrics.fpr_at_tpr(*pooled(cohort))}
    interval = numbers.intervals["fpr_at_tpr"]
    assert 0 < interval.low <= numbers.metrics["fpr_at_tpr"] <= interval.high < 1


@pytest.mark.parametrize("pool", ["subject", "image"])
def test_fpr_at_tpr_within_each_unit(cohort, pool):
    numbers = apply_protocol(card(metrics=["fpr_at_tpr"], pool=pool), lambda: iter(cohort))
    tested = [one for one in cohort if one.role == "test"]
    units = [(one.labels, one.maps) for one in tested]
    if pool == "image":
        units = [(x[at], y[at]) for x, y in units for at in range(5) if x[at].any()]
    assert numbers.metrics["fpr_at_tpr"] == pytest.approx(
        np.mean([metrics.fpr_at_tpr(*one) for one in units])
    )


def test_fpr_at_tpr_of_images(cohort):
    numbers = apply_protocol(card(level="image", metrics=["fpr_at_tpr"]), lambda: iter(cohort))
    tested = [one for one in cohort if one.role == "test"]
    labels = np.concatenate([one.image_labels for one in tested])
    scores = np.concatenate([one.scores for one in tested])
    assert numbers.metrics == {"fpr_at_tpr": metrics.fpr_at_tpr(labels, scores)}


def test_every_metric_of_the_table_is_computed(cohort):
    numbers = apply_protocol(card(metrics=list(METRICS)), lambda: iter(cohort))
    assert list(numbers.metrics) == list(numbers.intervals) == list(METRICS)
    assert numbers.reason is None


def test_a_new_metric_is_one_function_and_one_entry(cohort, monkeypatch):
    """Recall at the highest false-positive rate of 10 %, and missed lesions: nothing else moves."""
    recall = Measure(
        lambda s: np.where(s.fp <= 0.1 * s.negatives, s.tp / s.positives, 0).max(axis=1), np.maximum
    )
    monkeypatch.setattr(ranking, "NEW", recall, raising=False)
    monkeypatch.setattr(regions, "missed", lambda c: 1 - c[..., 0] / c[..., 1], raising=False)
    monkeypatch.setitem(METRICS, "new", Metric("new", "New", "ranking:NEW"))
    missed = Metric("missed", "Missed", "regions:missed", "lesions", "oracle", False)
    monkeypatch.setitem(METRICS, "missed", missed)
    numbers = apply_protocol(card(metrics=["new", "missed"]), lambda: iter(cohort))
    labels, maps = pooled(cohort)
    allowed = int(0.1 * (~labels).sum())
    bar = np.sort(maps[~labels])[-allowed - 1]
    assert numbers.metrics["new"] == pytest.approx((maps[labels] > bar).mean())
    assert numbers.metrics["missed"] == 0.0  # the oracle takes the lowest


def test_an_unknown_metric_names_the_known_ones():
    content = card().model_dump() | {"metrics": ["ap", "fpr_at_trp"]}
    with pytest.raises(CardError, match=r"metrics.1: .*did you mean 'fpr_at_tpr'"):
        parse_card(content, ProtocolCard, where="my.toml")


def test_region_metrics_of_images_are_refused_by_name():
    with pytest.raises(ValueError, match="aupro, lesion_f1 count regions, so need level = 'pixel'"):
        card(level="image", metrics=["ap", "aupro", "lesion_f1"])


def test_subjects_have_the_values_of_every_kind_of_count(cohort):
    """Pixels at a threshold, candidates and ranks are counted apart; none takes another's place."""
    wanted = ["ap", "dice_at_fpr5", "aupro", "froc"]
    numbers = apply_protocol(card(metrics=wanted), lambda: iter(cohort))
    assert list(numbers.metrics) == wanted
    for one in numbers.per_subject.values():
        assert list(one.metrics) == wanted
