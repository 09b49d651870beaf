"""Every universe is an ordinary protocol: the same number, however the work is shared."""

import pytest
from test_protocol import apply, subject
from test_protocol_steps import GEOMETRY, protocol

from bench.protocol import apply_protocol, postprocess
from bench.protocol.multiverse import (
    LEVELS,
    MASK,
    METRICS,
    POOLING,
    SCORE,
    SLICES,
    SMOOTHING,
    apply_multiverse,
)


@pytest.fixture(scope="module")
def cohort():
    return [
        subject("a", geometry=GEOMETRY),
        subject("b", seed=1, geometry=GEOMETRY),
        subject("c", lesions=False, seed=2, geometry=GEOMETRY),
        subject("v", lesions=False, seed=3, geometry=GEOMETRY, role="validation"),
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_each_number_is_that_of_the_protocol_alone(level, cohort):
    made = apply_multiverse(lambda: iter(cohort), [level])
    wanted = len(SMOOTHING) * len(MASK) * len(SLICES[level]) * len(POOLING[level])
    assert len(made) == wanted * (len(SCORE) if level == "image" else 1)
    assert len({tuple(one.choices.items()) for one in made}) == len(made)
    for one in [one for one in made if one.choices["slices"] == "all"][::5]:
        fields = {
            "level": level,
            "metrics": METRICS[level],
            **SMOOTHING[one.choices["smoothing"]],
            **MASK[one.choices["mask"]],
            **POOLING[level][one.choices["pooling"]],
            **(SCORE[one.choices["score"]] if level == "image" else {}),
        }
        alone = apply_protocol(protocol(**fields), lambda: iter(cohort))
        assert alone.model_copy(update={"per_subject": {}}) == one.numbers, one.choices


def test_the_first_universe_is_the_headline_protocol(cohort):
    pixel, image = (apply_multiverse(lambda: iter(cohort), [one])[0] for one in LEVELS)
    assert pixel.numbers.metrics["ap"] == apply("pixel-pooled@2", cohort).metrics["ap"]
    assert image.numbers.metrics == apply("image-top@1", cohort).metrics


def test_slices_are_those_that_the_option_names(cohort):
    made = {
        one.choices["slices"]: one.numbers
        for one in apply_multiverse(lambda: iter(cohort), ["pixel"])
        if (one.choices["smoothing"], one.choices["mask"], one.choices["pooling"])
        == ("none", "whole image", "all pixels")
    }
    pixels = cohort[0].masks[0].size
    assert made["all"].cases == 3 * 6 * pixels
    assert made["middle half"].cases == 3 * 4 * pixels  # slices 1 to 4 of 0 to 5
    ill = sum(int(one.image_labels.sum()) for one in cohort[:2])
    assert made["with lesions"].cases == ill * pixels
    assert made["with lesions"].subjects == 2


def test_single_images_have_no_middle(cohort):
    from dataclasses import replace

    single = [replace(one, geometry=None) for one in cohort]
    for one in apply_multiverse(lambda: iter(single), ["image"]):
        if one.choices["slices"] == "middle half":
            assert one.numbers.status == "not applicable"
            assert "single images" in one.numbers.reason


def test_maps_are_read_once_and_smoothed_once_per_value(cohort, monkeypatch):
    read, smoothed = [], []
    real = postprocess._smoothed

    def counted(maps, masks, smoothing):
        smoothed.append(smoothing)
        return real(maps, masks, smoothing)

    def passes():
        read.append(1)
        return iter(cohort)

    monkeypatch.setattr(postprocess, "_smoothed", counted)
    made = apply_multiverse(passes)
    assert len(read) == 1
    assert sorted(smoothed) == [0.02] * 3 + [0.04] * 3  # three test subjects, two levels
    alone = [one for level in LEVELS for one in apply_multiverse(passes, [level])]
    assert made == alone
