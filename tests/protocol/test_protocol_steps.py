"""Protocols with post-processing, lesion counts and averages over images."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import average_precision_score
from test_protocol import CARDS, apply, subject

from bench.cards import ProtocolCard
from bench.errors import MetricError
from bench.geometry import Geometry
from bench.metrics import aupro, best_dice, calibrated_threshold, lesion_f1
from bench.protocol import apply_protocol
from bench.stats.draws import subject_draws

GEOMETRY = Geometry(
    spacing_mm=(2.0, 2.0, 2.0),
    affine=np.eye(4),
    input_affine=np.eye(4),
    input_shape=(12, 12, 6),
    slices=np.arange(6),
)


def protocol(**fields):
    required = {"name": "p", "version": 1, "title": "p", "description": "p"}
    return ProtocolCard(**{**required, "level": "pixel", "pool": "pooled", **fields})


@pytest.fixture
def cohort():
    return [
        subject("a", geometry=GEOMETRY),
        subject("b", seed=1, geometry=GEOMETRY),
        subject("c", lesions=False, seed=2, geometry=GEOMETRY),
        subject("v", lesions=False, seed=3, geometry=GEOMETRY, role="validation"),
    ]


def test_volume_median_erodes_fills_and_filters(cohort):
    numbers = apply("volume-median@1", cohort)
    expected = []
    for one in cohort[:2]:
        cross = ndimage.generate_binary_structure(2, 1)
        masks = np.stack([ndimage.binary_erosion(m, cross, iterations=3) for m in one.masks])
        filled = np.where(masks, one.maps, one.maps[masks].min())
        filtered = ndimage.median_filter(filled, size=5)
        expected.append(average_precision_score(one.labels.ravel(), filtered.ravel()))
    assert numbers.metrics["ap"] == pytest.approx(np.mean(expected))
    assert numbers.subjects == 2


@pytest.mark.parametrize("step", [{"median": 3}, {"erosion": 1, "erosion_dimensions": 3}])
def test_a_step_on_the_stack_needs_a_stack(cohort, step):
    single = [replace(one, geometry=None) for one in cohort]
    numbers = apply_protocol(protocol(**step), lambda: iter(single))
    assert numbers.status == "not applicable"
    assert "single images" in numbers.reason
    assert apply_protocol(protocol(**step), lambda: iter(cohort)).status == "done"


def test_steps_within_images_apply_to_single_images(cohort):
    card = protocol(median=3, median_dimensions=2, erosion=1)
    single = [replace(one, geometry=None) for one in cohort]
    numbers = apply_protocol(card, lambda: iter(single))
    assert numbers.status == "done"
    assert numbers.cases == 3 * 6 * 36  # 8 x 8 pixels of foreground without their rim


def test_a_mask_that_erodes_away_leaves_no_cases(cohort):
    assert apply_protocol(protocol(erosion=9), lambda: iter(cohort)).status == "not applicable"


def test_erosion_and_median_ignore_what_lies_outside_the_mask(cohort):
    loud = [replace(one, maps=np.where(one.masks, one.maps, 1e6)) for one in cohort]
    card = protocol(median=3, erosion=1)
    expected = apply_protocol(card, lambda: iter(cohort))
    assert apply_protocol(card, lambda: iter(loud)).metrics == expected.metrics


def test_resizing_repeats_masks_and_labels_and_blends_maps(cohort):
    numbers = apply_protocol(protocol(size=24, region="whole"), lambda: iter(cohort))
    assert numbers.cases == 3 * 6 * 24 * 24
    assert numbers.positives == 4 * 2 * 19
    smooth = [replace(one, maps=ndimage.gaussian_filter(one.maps, (0, 2, 2))) for one in cohort]
    before = apply_protocol(protocol(region="whole"), lambda: iter(smooth)).metrics["auroc"]
    after = apply_protocol(protocol(region="whole", size=24), lambda: iter(smooth)).metrics
    assert after["auroc"] == pytest.approx(before, abs=0.02)


def test_the_right_size_is_left_alone(cohort):
    expected = apply_protocol(protocol(), lambda: iter(cohort))
    assert apply_protocol(protocol(size=12), lambda: iter(cohort)) == expected


def test_images_are_scored_after_the_steps(cohort):
    card = protocol(level="image", score="map-max", median=3)
    assert (
        apply_protocol(card, lambda: iter(cohort)).metrics != apply("image-max@1", cohort).metrics
    )
    detector = protocol(level="image", score="detector", median=3)
    assert (
        apply_protocol(detector, lambda: iter(cohort)).metrics == apply("image@1", cohort).metrics
    )


def test_pooled_128_takes_the_best_dice_of_all_pixels(cohort):
    numbers = apply("pooled-128@1", cohort)
    small = apply_protocol(protocol(region="whole", metrics=["oracle_dice"]), lambda: iter(cohort))
    labels = np.concatenate([one.labels.ravel() for one in cohort[:3]])
    maps = np.concatenate([one.maps.ravel() for one in cohort[:3]])
    assert small.metrics["oracle_dice"] == pytest.approx(best_dice(labels, maps))
    assert set(numbers.metrics) == {"ap", "auroc", "oracle_dice"}
    assert numbers.intervals["oracle_dice"].low <= numbers.intervals["oracle_dice"].high


def test_slice_mean_averages_over_abnormal_images(cohort):
    numbers = apply("slice-mean@1", cohort)
    own = {
        one.subject: [
            average_precision_score(labels.ravel(), maps.ravel())
            for labels, maps in zip(one.labels, one.maps, strict=True)
            if labels.any()
        ]
        for one in cohort[:2]
    }
    assert numbers.metrics["ap"] == pytest.approx(np.mean(own["a"] + own["b"]))
    assert numbers.per_subject["a"].metrics["ap"] == pytest.approx(np.mean(own["a"]))
    assert numbers.per_subject["c"].metrics == {}
    assert numbers.cases == 4 * 144
    assert numbers.subjects == 2


def test_an_average_over_images_weighs_each_image_in_the_bootstrap(cohort):
    fewer = cohort[1].labels.copy()
    fewer[1] = False
    uneven = [cohort[0], replace(cohort[1], labels=fewer)]
    numbers = apply("slice-mean@1", uneven)
    a, b = (numbers.per_subject[name].metrics["ap"] for name in "ab")
    assert numbers.metrics["ap"] == pytest.approx((2 * a + b) / 3)
    draws = subject_draws(["a", "b"])
    drawn = draws[draws.any(axis=1)] @ [[2 * a, 2], [b, 1]]
    found = numbers.resampled.metrics["ap"].values()
    assert found[np.isfinite(found)] == pytest.approx(drawn[:, 0] / drawn[:, 1], abs=1e-4)


def test_region_counts_lesions_of_the_stack(cohort):
    numbers = apply("region@1", cohort)
    assert numbers.reason is None
    threshold = calibrated_threshold(cohort[3].maps[cohort[3].masks])
    one = cohort[0]
    found = lesion_f1(
        one.labels & one.masks, np.where(one.masks, one.maps, -1e9), threshold, dimensions=3
    )
    own = numbers.per_subject["a"].metrics
    assert own["lesion_f1"] == pytest.approx(found)
    assert own["oracle_lesion_f1"] >= own["lesion_f1"]
    assert numbers.metrics["oracle_lesion_f1"] >= numbers.metrics["lesion_f1"]
    assert set(numbers.intervals) == {"aupro", "lesion_f1", "oracle_lesion_f1"}
    assert "lesion_f1" not in numbers.per_subject["c"].metrics


def test_aupro_of_all_subjects_is_that_of_their_images_together(cohort):
    single = [replace(one, geometry=None) for one in cohort]
    card = protocol(metrics=["aupro"], region="whole")
    labels = np.concatenate([one.labels for one in single[:3]])
    maps = np.concatenate([one.maps for one in single[:3]])
    numbers = apply_protocol(card, lambda: iter(single))
    assert numbers.metrics["aupro"] == pytest.approx(aupro(labels, maps, dimensions=2))


def test_without_validation_images_only_the_calibrated_metric_is_missing(cohort):
    numbers = apply("region@1", cohort[:3])
    assert numbers.status == "done"
    assert set(numbers.metrics) == {"aupro", "oracle_lesion_f1"}
    assert "lesion_f1" in numbers.reason
    only = protocol(metrics=["lesion_f1"])
    assert apply_protocol(only, lambda: iter(cohort[:3])).status == "not applicable"
    assert apply_protocol(only, lambda: iter(cohort)).status == "done"


def test_lesion_metrics_can_be_averaged_over_subjects(cohort):
    card = protocol(pool="subject", metrics=["aupro", "lesion_f1", "oracle_lesion_f1"])
    numbers = apply_protocol(card, lambda: iter(cohort))
    for metric, value in numbers.metrics.items():
        own = [numbers.per_subject[name].metrics[metric] for name in "ab"]
        assert value == pytest.approx(np.mean(own))


def test_small_components_can_be_dropped(cohort):
    few, all_of_them = (
        apply_protocol(
            protocol(metrics=["lesion_f1"], min_component=size), lambda: iter(cohort)
        ).metrics["lesion_f1"]
        for size in (500, 0)
    )
    assert few == 0.0
    assert all_of_them > 0.0


def test_components_of_the_stack_need_a_stack(cohort):
    card = protocol(metrics=["aupro"], component_dimensions=3)
    single = [replace(one, geometry=None) for one in cohort]
    assert "single images" in apply_protocol(card, lambda: iter(single)).reason


def test_processed_maps_must_be_finite(cohort):
    cohort[0].maps[0, 0, 0] = np.inf
    with pytest.raises(MetricError, match="subject a"):
        apply("volume-median@1", cohort)


@pytest.mark.parametrize(
    "fields",
    [{"median": 4}, {"level": "image", "pool": "image"}, {"level": "image", "metrics": ["aupro"]}],
)
def test_impossible_protocols_are_refused(fields):
    with pytest.raises(ValueError, match=r"odd|level"):
        protocol(**fields)


def test_every_preset_names_its_source():
    ours = {
        *("pixel-pooled@1", "pixel-pooled@2", "pixel-subject@1", "pixel-subject@2"),
        *("image@1", "image-max@1", "image-mean@1", "image-top@1", "image-standardised@1"),
        "subject@1",
    }
    assert all(card.source for name, card in CARDS.items() if name not in ours)
