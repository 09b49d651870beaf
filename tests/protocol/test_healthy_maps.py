"""P-maps of subjects, and what they mark in those without lesions."""

from dataclasses import replace

import numpy as np
import pytest
from test_protocol import CARDS, subject
from test_protocol_steps import GEOMETRY, protocol

from bench.errors import StoreError
from bench.protocol import apply_protocol
from bench.protocol.healthy import conformal_of, healthy_subjects, p_maps
from bench.protocol.postprocess import processed
from bench.stats.conformal import LEVELS

PLAIN = protocol()


@pytest.fixture
def validation():
    return [
        subject(name, lesions=False, seed=at, role="validation") for at, name in enumerate("vw")
    ]


def test_a_p_map_ranks_the_other_way_and_is_1_outside(validation):
    one = subject("a", seed=9)
    found = p_maps(PLAIN, conformal_of(PLAIN, validation), one)
    assert found.dtype == np.float32
    assert (found[~one.masks] == 1).all()
    scores = np.concatenate([each.maps[each.masks] for each in validation])
    inside = one.maps[one.masks]
    expected = [(1 + (scores >= value).sum()) / (1 + scores.size) for value in inside[:50]]
    assert found[one.masks][:50] == pytest.approx(expected, rel=1e-6)


def test_steps_of_the_protocol_come_first_on_both_sides(validation):
    smooth = protocol(smoothing=0.1)
    one = replace(subject("a", seed=9), signed=True)
    found = p_maps(smooth, conformal_of(smooth, validation), one)
    flat = [processed(smooth, each) for each in validation]
    again = p_maps(PLAIN, conformal_of(PLAIN, flat), processed(smooth, one))
    assert np.array_equal(found, again)


def test_only_subjects_without_lesions_are_judged_and_their_volume_is_told(validation):
    geometry = replace(GEOMETRY, spacing_mm=(10.0, 10.0, 10.0))  # a voxel is 1 ml
    test = [
        subject("ill", seed=5, geometry=geometry),
        subject("well", lesions=False, seed=6, geometry=geometry),
        subject("photo", lesions=False, seed=7),
    ]
    conformal = conformal_of(PLAIN, validation)
    well, photo = healthy_subjects(PLAIN, conformal, test)
    assert (well.subject, photo.subject) == ("well", "photo")
    values = conformal.p_values(test[1].maps[test[1].masks])
    for at, level in enumerate(LEVELS):
        assert well.achieved[at] == pytest.approx((values <= level).mean())
        assert well.marked_ml[at] == pytest.approx((values <= level).sum())
    assert photo.marked_ml is None


def test_validation_subjects_themselves_achieve_what_is_promised(validation):
    conformal = conformal_of(PLAIN, validation)
    seen = [replace(one, role="test") for one in validation]
    found = list(healthy_subjects(PLAIN, conformal, seen))
    mean = np.mean([one.achieved for one in found], axis=0)
    assert (mean <= np.array(LEVELS)).all()
    assert mean[-1] == pytest.approx(LEVELS[-1], abs=0.01)


def test_without_maps_of_validation_images_the_remedy_is_named(validation):
    with pytest.raises(StoreError, match="no maps of healthy validation") as caught:
        conformal_of(PLAIN, [replace(one, maps=None) for one in validation])
    assert "--keep maps" in caught.value.hint


def test_a_method_without_maps_is_named_as_such(validation):
    without = [replace(one, maps=None, scores_only=True) for one in validation]
    with pytest.raises(StoreError, match="the method gives no maps"):
        conformal_of(PLAIN, without)


def test_p_maps_mark_what_the_protocol_marks_but_for_one_rank(validation):
    """Both thresholds are scores of validation voxels; that of p-maps is the next one above."""
    geometry = replace(GEOMETRY, spacing_mm=(10.0, 10.0, 10.0))  # a voxel is 1 ml
    card = CARDS["healthy@1"].model_copy(update={"smoothing": 0.0})
    test = [subject(f"h{at}", lesions=False, seed=20 + at, geometry=geometry) for at in range(6)]
    ill = subject("ill", seed=5, geometry=geometry)
    said = apply_protocol(card, lambda: iter([*test, ill, *validation])).healthy
    found = {
        one.subject: one for one in healthy_subjects(card, conformal_of(card, validation), test)
    }
    scores = np.sort(np.concatenate([one.maps[one.masks] for one in validation]))[::-1]
    for rate in (0.01, 0.05):
        cut = scores[int(rate * scores.size)]
        above = scores[int(rate * (scores.size + 1)) - 1]
        assert cut < above
        for one in test:
            inside = one.maps[one.masks]
            by_protocol = said[f"{rate:g}"].per_subject[one.subject]
            by_p_map = found[one.subject].marked_ml[LEVELS.index(rate)]
            assert by_protocol == pytest.approx((inside > cut).sum())
            assert by_protocol - by_p_map == pytest.approx(
                ((inside > cut) & (inside <= above)).sum()
            )
