"""Strata: each is what the protocol gives of that part of the test data alone."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from test_protocol import CARDS, subject

from bench.cards.protocols import SliceRange
from bench.geometry import Geometry
from bench.metrics import calibrated_threshold
from bench.protocol import apply_protocol
from bench.protocol.cases import NotApplicable
from bench.protocol.contrast import lesion_contrasts
from bench.protocol.strata import stratified
from bench.protocol.subject_groups import subject_groups
from bench.store.predictions import read_subject, write_prediction

PLAIN = CARDS["pixel-pooled@1"]
SIZES = (1, 4, 9)


def geometry(count=6):
    return Geometry((2.0, 2.0, 5.0), np.eye(4), np.eye(4), (12, 12, count), np.arange(count))


def ill(name, seed=0, sizes=SIZES):
    """A subject with lesions of so many pixels, each in an image of its own."""
    one = subject(name, lesions=False, seed=seed, geometry=geometry())
    labels = np.zeros(one.labels.shape, bool)
    for at, size in enumerate(sizes):
        side = round(size**0.5)
        labels[2 * at, 3 : 3 + side, 3 : 3 + side] = True
    return replace(one, labels=labels, image_labels=labels.any(axis=(1, 2)))


@pytest.fixture
def cohort():
    healthy = subject("h", lesions=False, seed=5, geometry=geometry())
    validation = subject("v", lesions=False, seed=6, geometry=geometry(), role="validation")
    return [ill("a"), ill("b", seed=1), healthy, validation]


def parted(card, cohort, by, groups=None):
    return {one.name: one for one in stratified(card, lambda: iter(cohort), by, groups)}


def test_subjects_are_the_protocol_on_these_subjects(cohort):
    groups = {"sex F": ["a", "h"], "sex M": ["b"], "not stated": []}
    found = parted(PLAIN, cohort, "sex", groups)
    alone = apply_protocol(PLAIN, lambda: iter([cohort[0], cohort[2], cohort[3]]))
    assert found["sex F"].numbers == alone
    assert (found["sex F"].subjects, found["sex F"].abnormal, found["sex F"].lesions) == (2, 1, 3)
    assert found["sex M"].numbers.subjects == 1
    assert found["not stated"].numbers.reason == "there are no test cases"


def test_slices_are_thirds_of_the_stack(cohort):
    found = parted(PLAIN, cohort, "slice-position")
    assert [*found] == ["lowest third", "middle third", "highest third"]
    for at, one in enumerate(found.values()):
        part = slice(2 * at, 2 * at + 2)
        tested = cohort[:3]
        labels = np.concatenate([s.labels[part][s.masks[part]] for s in tested])
        maps = np.concatenate([s.maps[part][s.masks[part]] for s in tested])
        assert one.numbers.metrics["ap"] == pytest.approx(average_precision_score(labels, maps))
        assert (one.images, one.subjects, one.lesions) == (6, 3, 2)


@pytest.mark.parametrize("count", range(1, 12))
def test_every_slice_is_in_exactly_one_third(count):
    one = ill("a", sizes=(4,))
    repeated = np.arange(count) % 6
    many = replace(
        one,
        geometry=geometry(count),
        image_labels=one.image_labels[repeated],
        **{name: getattr(one, name)[repeated] for name in ("maps", "scores", "masks", "labels")},
    )
    assert sum(s.images for s in parted(PLAIN, [many], "slice-position").values()) == count


def test_lesions_of_other_sizes_are_neither_lesion_nor_normal(cohort):
    found = parted(PLAIN, cohort, "lesion-size")
    assert [*found] == ["0.02 ml", "0.08 ml", "0.18 ml"]  # 1, 4 and 9 voxels of 20 mm3
    for size, one in zip(SIZES, found.values(), strict=True):
        labels, maps = [], []
        for s in cohort[:3]:
            pixels = s.labels.sum(axis=(1, 2))[:, None, None]
            kept = s.masks & (~s.labels | (pixels == size))
            labels.append(s.labels[kept])
            maps.append(s.maps[kept])
        truth, scores = np.concatenate(labels), np.concatenate(maps)
        assert one.numbers.metrics["auroc"] == pytest.approx(roc_auc_score(truth, scores))
        assert (one.lesions, one.abnormal, one.subjects) == (2, 2, 3)
        assert one.numbers.cases == truth.size


def test_the_threshold_of_validation_is_that_of_the_whole(cohort):
    card = CARDS["dice@1"].model_copy(update={"smoothing": 0.0})
    cut = calibrated_threshold(cohort[3].maps[cohort[3].masks], rate=0.05)
    one = parted(card, cohort, "lesion-size")["0.18 ml"]
    false = sum((s.maps[s.masks & ~s.labels] > cut).sum() for s in cohort[:3])
    big = [s.labels & (s.labels.sum(axis=(1, 2)) == 9)[:, None, None] for s in cohort[:2]]
    hit = sum((s.maps[truth] > cut).sum() for s, truth in zip(cohort, big, strict=False))
    expected = 2 * hit / (hit + false + 18)
    assert one.numbers.metrics["dice_at_fpr5"] == pytest.approx(expected)


def test_sensitivity_counts_the_lesions_of_the_stratum_alone(cohort):
    bright = [replace(s, maps=s.maps + 100 * s.labels) for s in cohort]
    found = parted(CARDS["froc@1"].model_copy(update={"smoothing": 0.0}), bright, "lesion-size")
    assert [one.numbers.metrics["sensitivity_at_1fp"] for one in found.values()] == [1, 1, 1]


def test_contrast_groups_lesions_by_what_was_kept_of_the_images(cohort):
    with pytest.raises(NotApplicable, match="older bench kept no contrast"):
        parted(PLAIN, cohort, "contrast")
    values = np.array([0.5, 1.5, np.nan], np.float32)
    told = [replace(s, contrasts=values if s.labels.any() else values[:0]) for s in cohort]
    found = parted(PLAIN, told, "contrast")
    assert [(one.name, one.lesions) for one in found.values()] == [
        ("0.5 SD", 2),
        ("1.5 SD", 2),
        ("not stated", 2),
    ]


def test_single_images_have_sizes_in_pixels_and_no_slices(cohort):
    flat = [replace(one, geometry=None) for one in cohort]
    assert [*parted(PLAIN, flat, "lesion-size")] == ["1 pixels", "4 pixels", "9 pixels"]
    with_reason = parted  # raised while the protocol looks at the first image
    with pytest.raises(NotApplicable, match="single images"):
        with_reason(PLAIN, flat, "slice-position")


def by_hand(one, size):
    """The subject with its lesions of so many pixels, and those of others set aside."""
    own = one.labels & (one.labels.sum(axis=(1, 2)) == size)[:, None, None]
    return replace(one, labels=own, ignored=one.labels & ~own)


@pytest.mark.parametrize("name", ["image@1", "image-max@1"])
def test_images_with_lesions_of_other_sizes_alone_are_not_ranked(cohort, name):
    found = parted(CARDS[name], cohort, "lesion-size")
    assert [*found] == ["0.02 ml", "0.08 ml", "0.18 ml"]
    for size, one in zip(SIZES, found.values(), strict=True):
        truth, scores = [], []
        for s in cohort[:3]:
            pixels = s.labels.sum(axis=(1, 2))
            kept = (pixels == 0) | (pixels == size)
            own = (
                s.scores
                if name == "image@1"
                else s.maps.max(axis=(1, 2), where=s.masks, initial=-9)
            )
            truth.append(pixels[kept] > 0)
            scores.append(own[kept])
        expected = roc_auc_score(np.concatenate(truth), np.concatenate(scores))
        assert one.numbers.metrics["auroc"] == pytest.approx(expected)
        assert (one.numbers.cases, one.numbers.positives) == (18 - 4, 2)
        assert (one.lesions, one.abnormal) == (2, 2)


def test_an_image_with_lesions_of_two_sizes_is_abnormal_for_both(cohort):
    labels = cohort[0].labels.copy()
    labels[0, 6:9, 6:9], labels[4] = True, False  # the largest beside the smallest
    abnormal = labels.any(axis=(1, 2))
    both = [
        replace(s, labels=labels, image_labels=abnormal) if s.labels.any() else s for s in cohort
    ]
    found = parted(CARDS["image@1"], both, "lesion-size")
    assert [one.numbers.positives for one in found.values()] == [2, 2, 2]
    assert [one.numbers.cases for one in found.values()] == [16, 16, 16]


@pytest.mark.parametrize("side", [24, 6])  # at 6 x 6 most lesions of one pixel are lost
def test_lesions_are_parted_before_a_protocol_resizes_them(cohort, side):
    card = CARDS["pooled-128@1"].model_copy(update={"size": side})
    found = parted(card, cohort, "lesion-size")
    assert [*found] == ["0.02 ml", "0.08 ml", "0.18 ml"]
    for size, one in zip(SIZES, found.values(), strict=True):
        apart = [by_hand(s, size) for s in cohort]
        assert one.numbers == apply_protocol(card, lambda apart=apart: iter(apart))
    assert found["0.18 ml"].numbers.positives > 0


def test_lesions_are_parted_before_a_protocol_cuts_them(cohort):
    labels = np.zeros(cohort[0].labels.shape, bool)
    labels[0:3, 3:5, 3:5] = True  # 12 voxels, of which the protocol looks at 4
    labels[2:4, 8, 8] = True  # 2 voxels, both of them looked at
    told = [
        replace(s, labels=labels, image_labels=labels.any(axis=(1, 2))) if s.labels.any() else s
        for s in cohort
    ]
    share = SliceRange(first=0.3, last=1.0, unit="share")
    card = CARDS["bmad-pixels@1"].model_copy(update={"slices": share})
    found = parted(card, told, "lesion-size")
    assert [*found] == ["0.04 ml", "0.24 ml"]
    assert [one.numbers.positives for one in found.values()] == [4, 8]
    assert {one.images for one in found.values()} == {3 * 4}
    cut = CARDS["bmad-images@1"].model_copy(update={"slices": share})
    images = parted(cut, told, "lesion-size")
    assert [one.numbers.positives for one in images.values()] == [4, 2]


def test_what_ranks_subjects_cannot_be_parted_by_lesions_and_says_so(cohort):
    with pytest.raises(NotApplicable, match="subject@1 gives each subject one score"):
        parted(CARDS["subject@1"], cohort, "lesion-size")


def test_without_lesions_or_labels_there_are_no_strata(cohort):
    with pytest.raises(NotApplicable, match="no lesion"):
        parted(PLAIN, cohort[2:], "lesion-size")
    with pytest.raises(NotApplicable, match="no pixel labels"):
        parted(PLAIN, [replace(cohort[0], labels=None)], "lesion-size")


def test_contrast_is_the_distance_from_the_surroundings_in_deviations():
    generator = np.random.default_rng(0)
    images = generator.normal(5.0, 2.0, (4, 2, 20, 20)).astype(np.float32)
    masks = np.ones((4, 20, 20), bool)
    masks[:, :2] = False
    labels = np.zeros(masks.shape, bool)
    labels[1:3, 8:10, 8:10] = labels[0, 15, 15] = True
    images[1:3, 0, 8:10, 8:10] += 30  # bright in the first channel alone
    images[0, 1, 15, 15] = -40  # dark in the second
    found = lesion_contrasts(images, labels, masks, stack=True)
    normal = masks & ~labels
    spread = [images[:, at][normal].std() for at in range(2)]
    around = np.zeros(masks.shape, bool)
    around[:, 5:13, 5:13] = True
    ring = around & normal
    expected = (images[:, 0][labels & around].mean() - images[:, 0][ring].mean()) / spread[0]
    assert sorted(found)[0] == pytest.approx(expected, rel=1e-5)
    assert len(found) == 2
    assert max(found) > 15
    dark = lesion_contrasts(10 - images, labels, masks, stack=True)
    assert dark == pytest.approx(found, rel=1e-5)


def test_the_surroundings_are_three_pixels_wide_within_the_image_or_the_stack():
    """A lesion that two images share is one of the stack and two of single images."""
    labels, masks = np.zeros((2, 24, 24), bool), np.ones((2, 24, 24), bool)
    labels[:, 10:12, 6:9] = True
    images = np.zeros((2, 1, 24, 24), np.float32)
    images[labels[:, None]] = 9.0
    images[0, 0, 7:15, 3:12] += np.float32(1) * ~labels[0, 7:15, 3:12]  # all of the ring
    images[0, 0, 6, 6] = images[0, 0, 15, 6] = images[0, 0, 8, 12] = 100.0  # just outside of it
    spread = float(images[:, 0][~labels].std())
    assert lesion_contrasts(images, labels, masks, stack=False) == pytest.approx(
        [8.0 / spread, 9.0 / spread], rel=1e-5
    )
    ring = (8 * 9 - 6) * 2
    assert lesion_contrasts(images, labels, masks, stack=True) == pytest.approx(
        [(9.0 - (ring / 2) / ring) / spread], rel=1e-5
    )


def test_a_constant_foreground_gives_no_contrast():
    labels, masks = np.zeros((1, 8, 8), bool), np.ones((1, 8, 8), bool)
    labels[0, 3, 3] = True
    images = np.full((1, 1, 8, 8), 5.0, np.float32)
    images[0, 0, 3, 3] = 9.0
    assert np.isnan(lesion_contrasts(images, labels, masks, stack=False)).tolist() == [True]


def test_a_lesion_without_surroundings_has_no_contrast():
    images = np.zeros((1, 1, 8, 8), np.float32)
    labels = np.ones((1, 8, 8), bool)
    assert np.isnan(lesion_contrasts(images, labels, labels, stack=False)).all()
    none = lesion_contrasts(images, ~labels, labels, stack=False)
    assert none.shape == (0,)


def test_lesions_after_one_without_surroundings_have_their_contrast():
    images = np.random.default_rng(0).normal(0, 1, (2, 1, 20, 20)).astype(np.float32)
    labels, masks = np.zeros((2, 20, 20), bool), np.zeros((2, 20, 20), bool)
    labels[0, 2, 2] = masks[0, 2, 2] = True  # alone in the foreground of its image
    masks[1] = labels[1, 10, 10] = True
    images[1, 0, 10, 10] = 30
    first, second = lesion_contrasts(images, labels, masks, stack=False)
    assert np.isnan(first)
    assert second > 20


def test_groups_of_subjects_by_value():
    sexes = {"a": "M", "b": "F", "c": "M"}
    assert subject_groups(sexes, "sex") == {"sex F": ["b"], "sex M": ["a", "c"]}
    few = {"a": "10", "b": "2", "c": "2"}
    assert [*subject_groups(few, "site")] == ["site 2", "site 10"]
    ages = {str(at): f"{20 + at},5" for at in range(9)}
    assert [*subject_groups(ages, "age")] == [
        "age 20.5 to 22.5",
        "age 23.5 to 25.5",
        "age 26.5 to 28.5",
    ]
    assert [*subject_groups({"a": "1", "b": "x"}, "code")] == ["code 1", "code x"]


def test_contrasts_are_kept_with_predictions(cohort, tmp_path):
    told = replace(cohort[0], contrasts=np.array([0.5, np.nan, 2.0], np.float32))
    write_prediction(tmp_path, told)
    write_prediction(tmp_path, cohort[1])  # as an older bench did
    assert np.array_equal(
        read_subject(tmp_path, "test", "a").contrasts, told.contrasts, equal_nan=True
    )
    assert read_subject(tmp_path, "test", "b").contrasts is None
