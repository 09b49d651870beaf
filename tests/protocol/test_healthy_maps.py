"""P-maps of subjects, and what they mark in those without lesions."""

from dataclasses import replace

import numpy as np
import pytest
from test_protocol import subject
from test_protocol_steps import GEOMETRY, protocol

from bench.errors import StoreError
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
