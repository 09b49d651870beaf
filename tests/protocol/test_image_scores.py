"""Image scores: the highest pixels, like positions, and subjects."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from test_protocol import CARDS, apply, subject
from test_protocol_steps import GEOMETRY, protocol

from bench.protocol import apply_protocol, apply_protocols
from bench.protocol.left_out import UNMATCHED
from bench.store.predictions import read_predictions, without_maps, write_prediction

DETECTOR = {"level": "image", "score": "detector"}


@pytest.fixture
def cohort():
    """Six slices each, 2 mm apart, of which two hold a lesion; stacks begin at other heights."""
    return [
        subject(name, seed=at, lesions=at < 2, geometry=replace(GEOMETRY, slices=np.arange(6) + at))
        for at, name in enumerate("abc")
    ]


def validation(cohort, count=4):
    """Healthy volunteers whose scores depend on the position alone, but for some noise."""
    generator = np.random.default_rng(9)
    made = []
    for at in range(count):
        slices = np.arange(6) + at
        scores = (5.0 * slices + generator.normal(0, 0.5, 6)).astype(np.float32)
        geometry = replace(GEOMETRY, slices=slices)
        made.append(
            subject(f"v{at}", lesions=False, role="validation", geometry=geometry, scores=scores)
        )
    return [*cohort, *made]


@pytest.mark.parametrize(("share", "count"), [(0.01, 1), (0.1, 7), (0.5, 32), (1.0, 64)])
def test_the_highest_pixels_of_the_foreground_are_averaged(cohort, share, count):
    card = protocol(level="image", score="map-top", top=share)
    scores = [np.sort(m[k])[-count:].mean() for one in cohort for m, k in pairs(one)]
    labels = np.concatenate([one.image_labels for one in cohort])
    numbers = apply_protocol(card, lambda: iter(cohort))
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert numbers.metrics["ap"] == pytest.approx(average_precision_score(labels, scores))


def pairs(one):
    return zip(one.maps, one.masks, strict=True)


def matched_by_hand(cohort, width, scores):
    """For each abnormal image the share of the near normal ones below it, then the mean."""
    found, alone = [], 0
    for one in cohort:
        for at in np.flatnonzero(one.image_labels):
            place, score = 2.0 * one.geometry.slices[at], scores[one.subject][at]
            near = [
                scores[other.subject][k]
                for other in cohort
                for k in np.flatnonzero(~other.image_labels)
                if abs(2.0 * other.geometry.slices[k] - place) <= width
            ]
            alone += not near
            if near:
                found.append(np.mean([(s < score) + 0.5 * (s == score) for s in near]))
    return np.mean(found), alone


@pytest.mark.parametrize("width", [0.5, 2.0, 6.0, 100.0])
def test_abnormal_images_are_compared_at_like_position(cohort, width):
    cohort = [replace(one, scores=np.round(one.scores, 0)) for one in cohort]  # ties
    card = protocol(**DETECTOR, match="position", position_mm=width, metrics=["auroc"])
    numbers = apply_protocol(card, lambda: iter(cohort))
    expected, _ = matched_by_hand(cohort, width, {one.subject: one.scores for one in cohort})
    assert numbers.metrics == {"auroc": pytest.approx(expected)}
    if width == 100.0:  # all images are near, so it is the plain AUROC
        plain = apply_protocol(protocol(**DETECTOR, metrics=["auroc"]), lambda: iter(cohort))
        assert numbers.metrics["auroc"] == pytest.approx(plain.metrics["auroc"])
        assert numbers.intervals["auroc"].low == pytest.approx(plain.intervals["auroc"].low)
        assert numbers.intervals["auroc"].high == pytest.approx(plain.intervals["auroc"].high)


def test_a_score_that_is_the_position_alone_is_at_chance_when_matched(cohort):
    """Lesions sit higher up, so the plain AUROC rewards the height."""
    by_height = []
    for one in cohort:
        labels = np.zeros(6, dtype=bool)
        labels[4:] = one.subject != "c"
        scores = one.geometry.slices.astype(np.float32)
        by_height.append(replace(one, image_labels=labels, scores=scores))
    plain = apply("image@1", by_height).metrics["auroc"]
    card = protocol(**DETECTOR, match="position", position_mm=0.5, metrics=["auroc"])
    assert plain > 0.7
    assert apply_protocol(card, lambda: iter(by_height)).metrics["auroc"] == 0.5


def test_abnormal_images_without_a_normal_one_nearby_are_counted(cohort):
    far = replace(cohort[1], geometry=replace(GEOMETRY, slices=np.arange(6) + 100))
    far = replace(far, image_labels=np.array([True, False, False, False, False, False]))
    card = protocol(**DETECTOR, match="position", position_mm=1.0, metrics=["auroc"])
    beside = replace(cohort[2], geometry=GEOMETRY)
    numbers = apply_protocol(card, lambda: iter([cohort[0], far, beside]))
    assert numbers.left_out == {UNMATCHED: ["b: 1 of 1 abnormal image"]}
    assert numbers.per_subject["b"].metrics == {}
    only = replace(cohort[0], image_labels=np.array([False, False, False, False, False, True]))
    alone = apply_protocol(card, lambda: iter([only]))
    assert alone.status == "not applicable"
    assert alone.reason == "none of 1 abnormal image has a normal one within 1 mm"


def test_the_shipped_protocol_matches_the_highest_pixels_within_6_mm(cohort):
    card = protocol(level="image", score="map-top", smoothing=0.04, metrics=["auroc"])
    from bench.protocol.cases import cases_of
    from bench.protocol.postprocess import processed

    scores = {one.subject: cases_of(card, processed(card, one)).scores for one in cohort}
    expected, _ = matched_by_hand(cohort, 6.0, scores)
    assert apply("image-matched@1", cohort).metrics["auroc"] == pytest.approx(expected)


def standardised_by_hand(everyone, width):
    """The scores of the test subjects' images, one array per subject."""
    healthy = [one for one in everyone if one.role == "validation"]
    places = np.concatenate([2.0 * one.geometry.slices for one in healthy])
    values = np.concatenate([one.scores for one in healthy]).astype(np.float64)

    def standardised(score, slice_):
        distance = np.abs(places - 2.0 * slice_)
        near = values[distance <= max(width, np.sort(distance)[9])]
        return (score - near.mean()) / near.std()

    return [
        np.array([standardised(one.scores[at], k) for at, k in enumerate(one.geometry.slices)])
        for one in everyone
        if one.role == "test"
    ]


def test_scores_are_standardised_by_healthy_images_at_like_position(cohort):
    everyone = validation(cohort)
    card = protocol(**DETECTOR, standardise="position", position_mm=3.0)
    numbers = apply_protocol(card, lambda: iter(everyone))
    standardised = np.concatenate(standardised_by_hand(everyone, 3.0))
    labels = np.concatenate([one.image_labels for one in cohort])
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, standardised))
    assert numbers.metrics["ap"] == pytest.approx(average_precision_score(labels, standardised))
    assert numbers.metrics != apply("image@1", cohort).metrics


def test_images_are_standardised_before_they_are_pooled_into_a_subjects_score(cohort):
    everyone = validation([*cohort, subject("d", lesions=False, seed=8, geometry=GEOMETRY)])
    card = protocol(
        level="subject", score="detector", standardise="position", position_mm=3.0, top_images=0.34
    )
    numbers = apply_protocol(card, lambda: iter(everyone))
    scores = [np.sort(one)[-3:].mean() for one in standardised_by_hand(everyone, 3.0)]
    labels = [True, True, False, False]
    assert numbers.status == "done"
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert numbers.metrics["ap"] == pytest.approx(average_precision_score(labels, scores))


def test_standardising_uses_no_test_image(cohort):
    card = protocol(**DETECTOR, standardise="position")
    numbers = apply_protocol(card, lambda: iter(cohort))
    assert numbers.status == "not applicable"
    assert "no normal validation images" in numbers.reason
    everyone = validation(cohort)
    changed = [replace(everyone[0], scores=everyone[0].scores + 1000), *everyone[1:]]
    first, second = (apply_protocol(card, lambda one=one: iter(one)) for one in (everyone, changed))
    assert first.per_subject["b"] == second.per_subject["b"]


def test_equal_healthy_scores_do_not_divide_by_zero(cohort):
    flat = [
        replace(one, scores=np.ones(6, np.float32)) if one.role == "validation" else one
        for one in validation(cohort)
    ]
    card = protocol(**DETECTOR, standardise="position")
    numbers = apply_protocol(card, lambda: iter(flat))
    assert numbers.metrics["auroc"] == pytest.approx(apply("image@1", cohort).metrics["auroc"])


@pytest.mark.parametrize("name", ["image-matched@1", "image-standardised@1"])
def test_single_images_have_no_position(cohort, name):
    single = [replace(one, geometry=None) for one in validation(cohort)]
    numbers = apply(name, single)
    assert (numbers.status, "single images" in numbers.reason) == ("not applicable", True)


@pytest.mark.parametrize(("share", "count"), [(0.1, 1), (0.34, 3), (1.0, 6)])
def test_subjects_are_ranked_by_their_highest_images(cohort, share, count):
    card = protocol(level="subject", score="detector", top_images=share)
    everyone = [*cohort, subject("d", lesions=False, seed=8)]
    scores = [np.sort(one.scores)[-count:].mean() for one in everyone]
    labels = [one.image_labels.any() for one in everyone]
    numbers = apply_protocol(card, lambda: iter(everyone))
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert (numbers.cases, numbers.positives, numbers.subjects) == (4, 2, 4)
    assert numbers.prevalence == 0.5


def test_subjects_of_one_class_cannot_be_ranked(cohort):
    numbers = apply("subject@1", cohort[:2])
    assert (numbers.status, numbers.reason) == (
        "not applicable",
        "all 2 test cases are abnormal",
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"level": "subject", "pool": "subject"}, "pool = 'pooled'"),
        ({"level": "pixel", "standardise": "position"}, "standardise needs"),
        ({"level": "image", "match": "position"}, "match needs"),
        ({"level": "subject", "match": "position", "metrics": ["auroc"]}, "match needs"),
        ({"level": "subject", "metrics": ["aupro"]}, "count regions"),
    ],
)
def test_protocols_that_make_no_sense_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        protocol(**fields)


@pytest.mark.parametrize("name", ["image-top@1", "image-matched@1", "image-standardised@1"])
def test_a_method_without_maps_is_ranked_by_its_own_scores(cohort, name):
    bare = [replace(one, maps=None, scores_only=True) for one in validation(cohort)]
    given = CARDS[name].model_copy(update={"score": "detector"})
    expected = apply_protocol(given, lambda: iter(bare))
    assert expected.status == "done"
    assert apply(name, bare) == expected
    dropped = [replace(one, maps=None) for one in validation(cohort)]
    assert apply(name, dropped).reason == "no maps were kept"
    assert apply("pixel-pooled@2", dropped).reason == "no maps were kept"
    assert "no maps" in apply("image-max@1", bare).reason
    assert "no maps" in apply("pixel-pooled@2", bare).reason
    cards = [CARDS["pixel-pooled@2"], CARDS[name]]  # which share their steps
    together = dict(apply_protocols(cards, lambda: iter(bare)))
    assert together == {card.id: apply_protocol(card, lambda: iter(bare)) for card in cards}


def test_dropped_maps_are_not_those_of_a_method_without_maps(tmp_path, cohort):
    write_prediction(tmp_path, without_maps(cohort[0]))
    write_prediction(tmp_path, without_maps(replace(cohort[1], maps=None, scores_only=True)))
    kept = {one.subject: one.scores_only for one in read_predictions(tmp_path, "test")}
    assert kept == {"a": False, "b": True}
