"""Protocols of the field: slice ranges, Dice at healthy thresholds, FROC, false positives in ml."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from test_protocol import CARDS, apply, subject

from bench.cards import ProtocolCard
from bench.cards.base import parse_card
from bench.cards.protocols import SliceRange
from bench.errors import CardError
from bench.geometry import Geometry
from bench.metrics import aupro, calibrated_threshold, froc, lesion_sensitivity
from bench.protocol import apply_protocol
from bench.protocol.calibration import calibrated_thresholds
from bench.protocol.parts import some_images, within

SPACING = (2.0, 2.0, 3.0)


def geometry(first=0, count=6, step=1.0, flipped=False, input_slices=155):
    """A stack whose images are ``step`` input slices apart, the first in input slice ``first``."""
    affine = np.diag([1.0, 1.0, step, 1.0])
    affine[2, 3] = first
    stored = np.eye(4)
    if flipped:  # the input counts its slices from the head
        stored[2, 2], stored[2, 3] = -1.0, input_slices - 1.0
    return Geometry(SPACING, affine, stored, (12, 12, input_slices), np.arange(6)[:count])


@pytest.fixture
def cohort():
    validation = subject("v", lesions=False, seed=3, role="validation")
    healthy = [subject(f"h{at}", lesions=False, seed=9 + at) for at in range(5)]
    made = [subject("a"), subject("b", seed=1), *healthy, validation]
    return [replace(one, geometry=geometry(57)) for one in made]


def test_a_part_of_images_without_a_place_in_a_volume_has_none_either():
    whole = subject("a")
    assert whole.geometry is None
    part = some_images(whole, np.array([False, True, True, False, False, False]))
    assert part.geometry is None
    np.testing.assert_array_equal(part.maps, whole.maps[1:3])
    np.testing.assert_array_equal(part.scores, whole.scores[1:3])


def plain(card, **changes):
    """The protocol without smoothing, so that a test can see its pixels."""
    return CARDS[card].model_copy(update={"smoothing": 0.0, **changes})


def run(card, cohort):
    return apply_protocol(card, lambda: iter(cohort))


def of_test(cohort):
    return [one for one in cohort if one.role == "test"]


def joined(subjects, name):
    return np.concatenate([getattr(one, name)[one.masks] for one in subjects])


@pytest.mark.parametrize("subjects", [1, 3, 40])
def test_thresholds_of_many_small_subjects_are_those_of_all_pixels_at_once(subjects):
    """Only the highest are held: 5 % of the pixels are more than one of 40 subjects has."""
    made = [subject(f"v{at}", lesions=False, seed=at, role="validation") for at in range(subjects)]
    made = [replace(one, maps=one.maps + at) for at, one in enumerate(made)]
    pixels = np.concatenate([one.maps[one.masks] for one in made])
    for order in (made, made[::-1]):
        found = calibrated_thresholds(CARDS["dice@1"], lambda order=order: iter(order))
        assert found == {
            0.01: calibrated_threshold(pixels, rate=0.01),
            0.05: calibrated_threshold(pixels, rate=0.05),
        }


def test_dice_at_the_thresholds_of_healthy_validation_pixels(cohort):
    numbers = run(plain("dice@1"), cohort)
    normal = cohort[-1].maps[cohort[-1].masks]
    labels, maps = joined(of_test(cohort), "labels"), joined(of_test(cohort), "maps")
    for name, rate in (("dice_at_fpr1", 0.01), ("dice_at_fpr5", 0.05)):
        cut = calibrated_threshold(normal, rate=rate)
        assert numbers.metrics[name] == pytest.approx(f1_score(labels, maps > cut))
    assert numbers.metrics["oracle_dice"] >= max(numbers.metrics.values())
    own = run(plain("dice-subject@1"), cohort)
    assert own.averaged_over == 2
    cut = calibrated_threshold(normal, rate=0.05)
    each = [f1_score(one.labels[one.masks], one.maps[one.masks] > cut) for one in cohort[:2]]
    assert own.metrics["dice_at_fpr5"] == pytest.approx(np.mean(each))


def test_the_threshold_is_the_same_however_validation_is_divided(cohort):
    card = plain("dice@1")
    whole = cohort[-1]
    halves = [
        replace(
            whole,
            subject=f"v{at}",
            geometry=None,
            **{n: getattr(whole, n)[part] for n in ("maps", "scores", "masks", "labels")},
            image_labels=whole.image_labels[part],
        )
        for at, part in enumerate((slice(0, 1), slice(1, 6)))
    ]
    assert run(card, [*cohort[:-1], *halves]).metrics == run(card, cohort).metrics


def test_without_validation_images_the_reason_is_given(cohort):
    numbers = run(CARDS["dice@1"], cohort[:-1])
    assert [*numbers.metrics] == ["oracle_dice"]
    assert "no normal validation images" in numbers.reason
    assert run(CARDS["healthy@1"], cohort[:-1]).status == "not applicable"


def test_achieved_rate_and_false_positive_volume(cohort):
    numbers = run(plain("healthy@1"), cohort)
    labels, maps = joined(of_test(cohort), "labels"), joined(of_test(cohort), "maps")
    cut = calibrated_threshold(cohort[-1].maps[cohort[-1].masks], rate=0.05)
    assert numbers.metrics["achieved_fpr5"] == pytest.approx((maps[~labels] > cut).mean())
    volume = numbers.healthy["0.05"]
    each = {
        one.subject: float((one.maps[one.masks] > cut).sum()) * 2 * 2 * 3 / 1000
        for one in cohort[2:7]
    }
    assert volume.per_subject == pytest.approx(each)
    assert volume.mean_ml == pytest.approx(np.mean([*each.values()]))
    assert 0 <= volume.low_ml < volume.mean_ml < volume.high_ml
    few = run(plain("healthy@1"), [*cohort[:4], cohort[-1]]).healthy["0.05"]
    assert (few.low_ml, few.high_ml) == (None, None)  # two healthy subjects
    flat = run(plain("healthy@1"), [replace(one, geometry=None) for one in cohort])
    assert flat.healthy == {}  # pixels of single images have no volume


def test_froc_counts_lesions_and_scans_of_all_subjects(cohort):
    card = plain("froc@1", region="whole")
    alone = run(card, [cohort[0], cohort[-1]])
    one = cohort[0]
    assert alone.metrics["froc"] == froc(one.labels, one.maps, dimensions=3)
    expected = lesion_sensitivity(one.labels, one.maps, 4, dimensions=3)
    assert alone.metrics["sensitivity_at_4fp"] == expected
    assert alone.per_subject["a"].metrics == alone.metrics
    # A healthy subject adds a scan, and false positives that may be above all others.
    loud = replace(cohort[2], maps=cohort[2].maps + 100)
    assert run(card, [one, loud]).metrics["sensitivity_at_1fp"] == 0.0
    quiet = replace(cohort[2], maps=cohort[2].maps - 100)
    both = run(card, [one, quiet]).metrics["sensitivity_at_1fp"]
    assert both == lesion_sensitivity(one.labels, one.maps, 2, dimensions=3)


def test_a_single_image_is_a_scan(cohort):
    card = plain("froc@1", region="whole")
    flat = [replace(one, geometry=None) for one in cohort[:1]]
    expected = froc(flat[0].labels, flat[0].maps, dimensions=2)
    assert run(card, flat).metrics["froc"] == expected


def test_overlap_per_region_to_both_limits(cohort):
    numbers = run(plain("aupro@1", region="whole"), cohort[:1])
    one = cohort[0]
    for name, limit in (("aupro", 0.3), ("aupro5", 0.05)):
        expected = aupro(one.labels, one.maps, dimensions=3, limit=limit)
        assert numbers.metrics[name] == pytest.approx(expected)


@pytest.mark.parametrize("flipped", [False, True])
def test_slices_of_the_input_are_counted_from_the_feet(cohort, flipped):
    placed = [
        replace(one, geometry=geometry(57, flipped=flipped)) for one in cohort if one.role == "test"
    ]
    numbers = run(CARDS["bmad-pixels@1"], placed)  # images 3, 4, 5 are slices 60, 61, 62
    assert numbers.status == "not applicable"  # lesions are in images 1 and 2
    placed = [replace(one, geometry=geometry(58, flipped=flipped)) for one in placed]
    numbers = run(CARDS["bmad-pixels@1"], placed)
    labels = np.concatenate([one.labels[2:].ravel() for one in placed])
    maps = np.concatenate([one.maps[2:].ravel() for one in placed])
    assert numbers.cases == labels.size
    assert numbers.metrics["auroc"] == pytest.approx(roc_auc_score(labels, maps))
    images = run(CARDS["bmad-images@1"], placed)
    truth = np.concatenate([one.image_labels[2:] for one in placed])
    scores = np.concatenate([one.scores[2:] for one in placed])
    assert images.metrics["ap"] == pytest.approx(average_precision_score(truth, scores))


def test_a_prepared_slice_belongs_to_the_input_slice_that_its_centre_is_in():
    one = replace(subject("a"), geometry=geometry(58.6, step=0.5))
    cut = within(one, CARDS["bmad-images@1"].slices)
    assert cut.geometry.slices.tolist() == [2, 3, 4, 5]  # 59.6, 60.1 ...; 59.1 is in slice 59
    assert cut.geometry.input_slices((12, 12)) == pytest.approx([59.6, 60.1, 60.6, 61.1])
    assert np.array_equal(cut.maps, one.maps[2:])


def test_of_a_cut_stack_everything_is_cut_and_what_is_absent_stays_absent():
    whole = subject("a")
    ignored = np.zeros(whole.masks.shape, bool)
    ignored[2, 3, 4] = ignored[4, 5, 6] = True
    one = replace(whole, geometry=geometry(58), ignored=ignored)
    cut = within(one, CARDS["bmad-images@1"].slices)  # from slice 60 on
    for name in ("maps", "scores", "masks", "labels", "ignored", "image_labels"):
        assert np.array_equal(getattr(cut, name), getattr(one, name)[2:]), name
    assert cut.ignored.sum() == 2
    bare = within(replace(one, maps=None, labels=None, ignored=None), SliceRange(first=0, last=59))
    assert (bare.maps, bare.labels, bare.ignored) == (None, None, None)
    assert bare.scores.tolist() == one.scores[:2].tolist()
    none = within(one, SliceRange(first=900, last=901))
    assert (none.masks.shape, none.scores.shape) == ((0, *one.masks.shape[1:]), (0,))


@pytest.mark.parametrize(("first", "last", "nearest"), [(0.25, 0.33, 1), (0.85, 0.95, 4)])
def test_a_share_without_any_slice_is_the_slice_nearest_to_its_middle(first, last, nearest):
    """Six slices stand at 0, 0.2, 0.4, 0.6, 0.8 and 1 of the way."""
    one = replace(subject("a"), geometry=geometry())
    cut = within(one, SliceRange(first=first, last=last, unit="share"))
    assert cut.geometry.slices.tolist() == [nearest]


def test_the_affine_counts_slices_of_the_common_grid_not_of_the_stack():
    """A stack whose first image is slice 12 of the grid, as preparation makes it (and exports)."""
    moved = replace(geometry(48), slices=np.arange(12, 18))
    assert moved.input_slices((12, 12)).tolist() == [60, 61, 62, 63, 64, 65]


def test_the_middle_slice_of_each_volume(cohort):
    numbers = run(CARDS["mid-axial@1"], cohort)
    assert numbers.averaged_over == 2
    each = [  # six images: 2 and 3 are as near; the lower one is taken
        average_precision_score(one.labels[2].ravel(), one.maps[2].ravel()) for one in cohort[:2]
    ]
    assert numbers.metrics["ap"] == pytest.approx(np.mean(each))
    assert numbers.left_out["one class only"][0] == "h0: 1 of 1 image"


@pytest.mark.parametrize("name", ["bmad-pixels@1", "bmad-images@1"])
def test_a_volume_without_such_slices_is_named(cohort, name):
    placed = [replace(one, geometry=geometry(58)) for one in cohort]
    placed[2] = replace(placed[2], geometry=geometry(0))
    numbers = run(CARDS[name], placed)
    assert numbers.status == "done"
    assert numbers.left_out["no slice in the protocol's range"] == ["h0"]


@pytest.mark.parametrize("name", ["bmad-pixels@1", "bmad-images@1", "mid-axial@1"])
def test_single_images_have_no_slices(cohort, name):
    flat = [replace(one, geometry=None) for one in cohort]
    assert "single images" in apply(name, flat).reason


def test_an_impossible_range_is_refused():
    content = plain("dice@1").model_dump()
    for wrong in ({"first": 5, "last": 4}, {"first": 0, "last": 3, "unit": "share"}):
        with pytest.raises(CardError, match="last"):
            parse_card(content | {"slices": wrong}, ProtocolCard, where="my.toml")
