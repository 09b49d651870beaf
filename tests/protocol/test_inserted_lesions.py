"""Scores at inserted lesions, in a stack that begins anywhere on the common grid."""

from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.cards.insertions import Copy, InsertedLesion, Insertions
from bench.errors import StoreError
from bench.geometry import Geometry
from bench.protocol.detection import lesion_places, seen_of
from bench.store.predictions import SubjectPrediction

PLAIN = registry.protocol("detection-limit@1").model_copy(update={"smoothing": 0.0})
# Rows run downwards from 40 mm, columns and slices upwards; the stack is slices 12 to 19.
AFFINE = np.array([[0, 2.0, 0, -20], [-2.0, 0, 0, 40], [0, 0, 3.0, -50], [0, 0, 0, 1]])
GEOMETRY = Geometry((2.0, 2.0, 3.0), AFFINE, np.eye(4), (60, 60, 60), np.arange(12, 20))
SHAPE = (8, 24, 24)


def world(image, row, column):
    return tuple(float(v) for v in (AFFINE @ [row, column, image + 12, 1])[:3])


def prediction(subject, maps, label):
    return SubjectPrediction(
        subject=subject,
        role="test",
        maps=maps.astype(np.float32),
        scores=np.zeros(8, np.float32),
        masks=np.ones(SHAPE, bool),
        labels=label,
        image_labels=label.any(axis=(1, 2)),
        geometry=GEOMETRY,
    )


@pytest.fixture
def pair():
    """Two lesions: three voxels, and one that the grid lost; the twin has two peaks."""
    label = np.zeros(SHAPE, bool)
    label[2, 5, 5:8] = True
    maps, twin = np.zeros(SHAPE), np.zeros(SHAPE)
    maps[2, 5, 7], maps[2, 5, 9] = 3.0, 8.0  # 9 is two voxels beside the lesion
    maps[6, 18, 18] = 2.0
    twin[6, 18, 19], twin[0, 12, 3] = 1.5, 4.0
    return prediction("copy", maps, label), prediction("twin", twin, np.zeros(SHAPE, bool))


def insertions():
    lesions = [
        InsertedLesion(centre_mm=world(2, 5, 6), diameter_mm=9, contrast=-0.4, voxels=3),
        InsertedLesion(centre_mm=world(6, 18, 18), diameter_mm=4, contrast=-0.4, voxels=1),
    ]
    copy = Copy(subject="copy", volume="v", twin="twin", lesions=lesions)
    return Insertions(source="s", split="x", channel="T1", seed=0, version=1, copies=[copy])


def test_a_lesion_has_the_highest_value_at_it_or_one_voxel_beside(pair):
    seen, peaks = seen_of(PLAIN, lambda: iter(pair), insertions())
    assert [(one.volume, one.diameter_mm, one.contrast) for one in seen] == [
        ("v", 9, 0.4),
        ("v", 4, 0.4),
    ]
    assert [one.score for one in seen] == [3.0, 2.0]
    assert [one.twin for one in seen] == [0.0, 1.5]
    assert sorted(peaks["v"])[-2:] == [1.5, 4.0]


def test_the_voxels_of_a_lesion_are_those_of_the_label(pair):
    centres = np.array([one.centre_mm for one in insertions().copies[0].lesions])
    first, second = lesion_places(pair[0], centres)
    assert len(first) == 3 * 3 * 5
    assert len(second) == 27  # lost by the grid: the voxel at its centre stands for it


def test_a_twin_that_is_missing_is_named(pair):
    with pytest.raises(StoreError, match="no prediction of twin"):
        seen_of(PLAIN, lambda: iter(pair[:1]), insertions())


def test_maps_that_were_not_kept_are_named(pair):
    bare = [replace(one, maps=None) for one in pair]
    with pytest.raises(StoreError, match="no maps of twin"):
        seen_of(PLAIN, lambda: iter(bare), insertions())


def test_a_lesion_outside_the_foreground_can_only_be_missed(pair):
    bare = [replace(one, masks=one.masks.copy()) for one in pair]
    for one in bare:
        one.masks[5:, 15:, 15:] = False
    seen, _ = seen_of(PLAIN, lambda: iter(bare), insertions())
    assert [(one.score, one.twin) for one in seen] == [(3.0, 0.0), (-np.inf, -np.inf)]
