"""A protocol says over how much it averages, and what it left out."""

from dataclasses import replace

import numpy as np
import pytest
from test_protocol import CARDS, subject

from bench.protocol import apply_protocol
from bench.protocol.left_out import IGNORED, NO_FOREGROUND, NO_LABEL, ONE_CLASS, OUTSIDE
from bench.store.records import ProtocolNumbers


def apply(name, cohort):
    return apply_protocol(CARDS[name], lambda: iter(cohort))


@pytest.fixture
def cohort():
    """Two subjects with 18 lesion pixels in 2 of 6 images and one outside; one normal subject."""
    return [subject("a"), subject("b", seed=1), subject("n", lesions=False, seed=2)]


def test_the_mean_over_subjects_says_how_many_and_names_the_normal_one(cohort):
    numbers = apply("pixel-subject@1", cohort)
    assert numbers.averaged_over == 2
    assert numbers.left_out[ONE_CLASS] == ["n"]


def test_the_mean_over_images_counts_the_normal_images(cohort):
    numbers = apply("slice-mean@1", cohort)
    assert numbers.averaged_over == 4
    assert numbers.left_out == {
        ONE_CLASS: ["a: 4 of 6 images", "b: 4 of 6 images", "n: 6 of 6 images"]
    }


def test_lesion_pixels_outside_the_foreground_are_counted(cohort):
    expected = ["a: 1 of 19 lesion pixels", "b: 1 of 19 lesion pixels"]
    assert apply("pixel-pooled@1", cohort).left_out == {OUTSIDE: expected}
    assert apply("pixel-pooled@1", cohort).averaged_over is None
    assert apply("pixel-subject@1", cohort).left_out[OUTSIDE] == expected
    assert apply("pixel-whole@1", cohort).left_out == {}


def test_a_subject_whose_lesions_are_all_outside_is_named_twice(cohort):
    labels = np.zeros_like(cohort[1].labels)
    labels[0, 0, :3] = True
    cohort[1] = replace(cohort[1], labels=labels)
    numbers = apply("pixel-subject@1", cohort)
    assert numbers.averaged_over == 1
    assert numbers.left_out[OUTSIDE] == ["a: 1 of 19 lesion pixels", "b: 3 of 3 lesion pixels"]
    assert numbers.left_out[ONE_CLASS] == ["b", "n"]


def test_images_and_subjects_without_foreground_are_counted(cohort):
    cohort[0].masks[2:4] = False
    cohort[2].masks[:] = False
    numbers = apply("image-max@1", cohort)
    assert numbers.left_out == {NO_FOREGROUND: ["a: 2 of 6 images", "n"]}
    assert numbers.cases == 4 + 6
    assert apply("pixel-pooled@1", cohort).left_out[NO_FOREGROUND] == ["n"]
    assert apply("image@1", cohort).left_out == {}


def test_a_subject_with_a_constant_map_is_marked(cohort):
    cohort[1] = replace(cohort[1], maps=np.ones_like(cohort[1].maps))
    for name in ("pixel-pooled@1", "pixel-subject@1", "slice-mean@1"):
        numbers = apply(name, cohort)
        marked = {one for one, own in numbers.per_subject.items() if own.degenerate}
        assert marked == {"b"}
        assert not numbers.degenerate


def test_records_of_older_versions_load():
    old = ProtocolNumbers.model_validate({"status": "done", "metrics": {"ap": 0.5}})
    assert (old.averaged_over, old.left_out) == (None, {})


def test_images_that_nobody_labelled_are_counted_once_and_not_as_without_foreground(cohort):
    a = cohort[0]
    classes = np.zeros(len(a.masks), bool)
    classes[:2] = True
    unlabelled = replace(a, ignored=np.ones(a.masks.shape, bool), image_labels=classes)
    found = apply("pixel-pooled@1", [unlabelled, *cohort[1:]]).left_out
    assert found[NO_LABEL] == ["a: 2 images"]
    assert found[IGNORED] == ["a: 4 images"]
    assert NO_FOREGROUND not in found
    abnormal = replace(unlabelled, image_labels=np.ones(len(a.masks), bool))
    found = apply("pixel-pooled@1", [abnormal, *cohort[1:]]).left_out
    assert (found[NO_LABEL], NO_FOREGROUND in found, IGNORED in found) == (
        ["a: 6 images"], False, False
    )  # fmt: skip
