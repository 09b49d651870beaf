"""Protocols: what is ranked, how it is pooled, and what is said where it cannot be."""

import hashlib
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import bench
from bench.cards import ProtocolCard, read_card
from bench.errors import MetricError
from bench.metrics.table import METRICS
from bench.protocol import apply_protocol
from bench.stats.draws import subject_draws
from bench.store.predictions import SubjectPrediction

FOLDER = Path(bench.__file__).parent / "protocols"
CARDS = {path.stem: read_card(path, ProtocolCard) for path in sorted(FOLDER.glob("*.toml"))}

# The hash of what a protocol means (not of its words). When one differs, raise
# the version: numbers of both would stand under one name.
MEANING = {
    "aupro@1": "b08fba05abbd3b3c",
    "bmad-images@1": "b2bfe501e2f302cf",
    "bmad-pixels@1": "5ee86a2507ac586f",
    "detection-limit@1": "6569fff9cfb43fc8",
    "dice-subject@1": "89a62eb4f4c144a1",
    "dice@1": "8ab761f71723c901",
    "froc@1": "22a6d703da4898dd",
    "healthy@1": "7ff96a3255138555",
    "image-matched@1": "fbd2baf4432fb021",
    "image-max-whole@1": "ea9d9be88c35f71f",
    "image-max@1": "21da543c9b4419f6",
    "image-mean-whole@1": "c10d65879fb7c6fc",
    "image-mean@1": "45000cef051d8342",
    "image-standardised@1": "f799cfa0d2cb532e",
    "image-top@1": "e32185751432b5dc",
    "image@1": "720f9d650b0e15a6",
    "mid-axial@1": "8d840f6e84522e7c",
    "pixel-pooled@1": "ae93fbde300b9450",
    "pixel-pooled@2": "76e36b0111ebd331",
    "pixel-subject@1": "a4ec6c13f0dee46e",
    "pixel-subject@2": "d829c9312c632745",
    "pixel-whole@1": "254be0e80008d16e",
    "pooled-128@1": "51557860269a67f7",
    "region@1": "8fcd830259853095",
    "region@2": "2cbe48f0021f1641",
    "slice-mean@1": "f412e9bac507e3d9",
    "subject@1": "8f946a2740e9a689",
    "volume-median@1": "7f380ab410113c96",
}
WORDS = {"title", "description", "paper", "source"}


# What holds for a key that a file leaves out is part of its meaning too.
DEFAULTS = {
    "region": "foreground",
    "score": "detector",
    "metrics": ["ap", "auroc"],
    "top": 0.01,
    "top_images": 0.1,
    "standardise": None,
    "match": None,
    "position_mm": 6.0,
    "size": None,
    "smoothing": 0.0,
    "absolute": "after",
    "slices": None,
    "erosion": 0,
    "erosion_dimensions": 2,
    "median": 1,
    "median_dimensions": 3,
    "min_component": 0,
    "component_dimensions": None,
}
MAPS = sorted(
    name for name, card in CARDS.items() if card.score != "detector" or card.level == "pixel"
)


def needs_stack(card):
    """Whether a protocol says nothing about single images, which have no neighbours."""
    return (
        card.slices is not None
        or "position" in (card.standardise, card.match)
        or (card.erosion > 0 and card.erosion_dimensions == 3)
        or (card.median > 1 and card.median_dimensions == 3)
        or card.component_dimensions == 3
    )


SINGLE = sorted(name for name, card in CARDS.items() if not needs_stack(card))
# All of whose metrics have a threshold from validation images, of which the cohort here has none.
CALIBRATED = {
    name for name, card in CARDS.items() if all(METRICS[m].needs_validation for m in card.metrics)
}


def subject(name, lesions=True, seed=0, **changes):
    generator = np.random.default_rng(seed)
    shape = (6, 12, 12)
    masks = np.zeros(shape, bool)
    masks[:, 2:-2, 2:-2] = True
    labels = np.zeros(shape, bool)
    if lesions:
        labels[1:3, 3:6, 3:6] = True
        labels[2, 0, 0] = True  # outside the foreground
    maps = (generator.standard_normal(shape) + labels).astype(np.float32)
    made = SubjectPrediction(
        subject=name,
        role="test",
        maps=maps,
        scores=generator.standard_normal(6).astype(np.float32),
        masks=masks,
        labels=labels,
        image_labels=labels.any(axis=(1, 2)),
    )
    return replace(made, **changes)


@pytest.fixture
def cohort():
    return [subject("a"), subject("b", seed=1), subject("c", lesions=False, seed=2)]


def apply(name, cohort, **options):
    return apply_protocol(CARDS[name], lambda: iter(cohort), **options)


def meaning(path):
    content = {k: v for k, v in tomllib.loads(path.read_text()).items() if k not in WORDS}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def test_a_protocol_never_changes_under_its_version():
    found = {path.stem: meaning(path) for path in sorted(FOLDER.glob("*.toml"))}
    changed = {name for name in MEANING if found.get(name) != MEANING[name]}
    assert not changed, f"give these the next version, and leave the old file: {changed}"
    new = {name: found[name] for name in found.keys() - MEANING.keys()}
    assert not new, f"add to MEANING in this file: {new}"


def test_a_protocol_keeps_what_stands_for_keys_left_out():
    fields = {k: f for k, f in ProtocolCard.model_fields.items() if not f.is_required()}
    assert {k: f.get_default() for k, f in fields.items() if k not in WORDS} == DEFAULTS


@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_protocol_bears_the_name_of_its_file(name):
    assert CARDS[name].id == name


def test_pixel_pooled_ranks_all_foreground_pixels(cohort):
    numbers = apply("pixel-pooled@1", cohort)
    labels = np.concatenate([one.labels[one.masks] for one in cohort])
    scores = np.concatenate([one.maps[one.masks] for one in cohort])
    assert numbers.status == "done"
    assert numbers.metrics["ap"] == pytest.approx(average_precision_score(labels, scores))
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert numbers.cases == labels.size
    assert numbers.positives == labels.sum()
    assert numbers.prevalence == labels.mean()
    assert numbers.subjects == 3
    assert not numbers.degenerate


def test_a_normal_subject_is_kept_without_a_value_of_its_own(cohort):
    per_subject = apply("pixel-pooled@1", cohort).per_subject
    assert list(per_subject) == ["a", "b", "c"]
    assert per_subject["c"].metrics == {}
    assert per_subject["c"].cases == 6 * 64
    assert per_subject["c"].positives == 0
    one = cohort[0]
    expected = average_precision_score(one.labels[one.masks], one.maps[one.masks])
    assert per_subject["a"].metrics["ap"] == pytest.approx(expected)


def test_pixel_subject_is_the_mean_over_subjects_with_lesions(cohort):
    numbers = apply("pixel-subject@1", cohort)
    own = [numbers.per_subject[name].metrics["ap"] for name in ("a", "b")]
    assert numbers.metrics["ap"] == pytest.approx(np.mean(own))
    assert numbers.subjects == 2
    assert numbers.prevalence == 18 / (6 * 64)
    assert list(numbers.per_subject) == ["a", "b", "c"]


def test_pixel_whole_includes_the_background(cohort):
    numbers = apply("pixel-whole@1", cohort)
    assert numbers.cases == 3 * 6 * 144
    assert numbers.positives == 2 * 19


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("image@1", lambda one: one.scores),
        ("image-max@1", lambda one: [m[k].max() for m, k in zip(one.maps, one.masks, strict=True)]),
        (
            "image-mean@1",
            lambda one: [m[k].mean() for m, k in zip(one.maps, one.masks, strict=True)],
        ),
    ],
)
def test_image_protocols_rank_images(cohort, name, score):
    numbers = apply(name, cohort)
    labels = np.concatenate([one.image_labels for one in cohort])
    scores = np.concatenate([score(one) for one in cohort])
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert numbers.cases == 18
    assert numbers.positives == 4


def test_an_image_without_foreground_has_no_map_score(cohort):
    masks = cohort[0].masks.copy()
    masks[0] = False
    numbers = apply("image-max@1", [replace(cohort[0], masks=masks), *cohort[1:]])
    assert numbers.cases == 17


def test_validation_subjects_are_ignored(cohort):
    mixed = [*cohort, subject("v", seed=5, role="validation")]
    assert apply("pixel-pooled@1", mixed) == apply("pixel-pooled@1", cohort)


@pytest.mark.parametrize("name", ["pixel-pooled@1", "pixel-subject@1", "image@1"])
def test_intervals_are_reproducible_and_hold_the_value(cohort, name):
    numbers = apply(name, cohort)
    for metric, value in numbers.metrics.items():
        assert numbers.intervals[metric].low <= value <= numbers.intervals[metric].high
    assert apply(name, cohort) == numbers


@pytest.mark.parametrize("name", ["pixel-pooled@1", "pixel-subject@1", "image@1"])
def test_the_order_of_subjects_changes_no_replicate(cohort, name):
    numbers, turned = apply(name, cohort), apply(name, cohort[::-1])
    assert turned.resampled.draws == numbers.resampled.draws
    for metric, one in numbers.resampled.metrics.items():
        other = turned.resampled.metrics[metric].values()
        assert np.allclose(one.values(), other, atol=1e-4, equal_nan=True)


def test_replicates_are_those_of_the_subjects_drawn(cohort):
    """Each replicate is the number of a cohort that holds each subject as often as drawn."""
    resampled = apply("pixel-pooled@1", cohort).resampled
    found = resampled.metrics["ap"].values()
    draws = subject_draws([one.subject for one in cohort])
    for at in range(40):
        labels = [x for one, k in zip(cohort, draws[at], strict=True) for x in [inside(one)[0]] * k]
        maps = [x for one, k in zip(cohort, draws[at], strict=True) for x in [inside(one)[1]] * k]
        if not any(one.any() for one in labels):
            assert np.isnan(found[at])
            continue
        expected = average_precision_score(np.concatenate(labels), np.concatenate(maps))
        assert found[at] == pytest.approx(expected, abs=1e-4)
    assert resampled.subjects == 2  # the third has no lesion


def inside(one):
    return one.labels[one.masks], one.maps[one.masks]


def test_two_methods_are_resampled_alike(cohort):
    """A method that is better by little in every subject is so in every resample."""
    better = [replace(one, maps=one.maps + 0.2 * one.labels) for one in cohort]
    first, second = apply("pixel-pooled@1", cohort), apply("pixel-pooled@1", better)
    assert first.resampled.draws == second.resampled.draws
    gain = second.resampled.metrics["ap"].values() - first.resampled.metrics["ap"].values()
    assert np.nanmin(gain) > 0


@pytest.mark.parametrize("name", ["pixel-pooled@1", "pixel-subject@1"])
def test_one_subject_has_no_interval(cohort, name):
    numbers = apply(name, cohort[:1])
    assert numbers.status == "done"
    assert numbers.intervals == {}
    assert numbers.resampled is None


@pytest.mark.parametrize("name", sorted({*MAPS} & {*SINGLE} - CALIBRATED))
def test_constant_maps_are_degenerate(cohort, name):
    flat = [replace(one, maps=np.full_like(one.maps, 3.0)) for one in cohort]
    numbers = apply(name, flat)
    assert numbers.degenerate
    if "auroc" in numbers.metrics:
        assert numbers.metrics["auroc"] == 0.5
    if "ap" in numbers.metrics:
        assert numbers.metrics["ap"] == pytest.approx(numbers.prevalence)


@pytest.mark.parametrize("name", MAPS)
def test_without_maps_not_applicable(cohort, name):
    numbers = apply(name, [replace(one, maps=None) for one in cohort])
    assert numbers.status == "not applicable"
    assert "no maps" in numbers.reason
    assert numbers.metrics == {}


def test_without_pixel_labels_only_image_protocols_apply(cohort):
    unlabelled = [replace(one, labels=None) for one in cohort]
    assert "no pixel labels" in apply("pixel-pooled@1", unlabelled).reason
    assert apply("image@1", unlabelled).status == "done"


@pytest.mark.parametrize("name", SINGLE)
def test_one_class_or_nothing_is_not_applicable(cohort, name):
    assert "normal" in apply(name, cohort[2:]).reason
    assert "no test" in apply(name, []).reason


def test_a_map_that_is_not_finite_names_the_subject(cohort):
    cohort[1].maps[3, 5, 5] = np.nan
    with pytest.raises(MetricError, match="subject b"):
        apply("pixel-pooled@1", cohort)
