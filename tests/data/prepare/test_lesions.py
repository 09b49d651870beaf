"""Lesions on another grid: none is lost, and each keeps its volume."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.prepare.lesions import find_lesions, lesions_in, place_lesion
from bench.data.prepare.resample import Axis
from bench.data.read.slabs import Slabs


def on_grid(label, axes):
    made = np.zeros([axis.length for axis in axes], dtype=bool)
    for lesion in find_lesions(label):
        made[place_lesion(lesion, axes)] = True
    return made


def nearest(label, axes):
    """The label at the voxel nearest to each output centre: what loses small lesions."""
    for number, axis in enumerate(axes):
        label = label.take(np.floor(axis.positions + 0.5).astype(int), axis=number)
    return label


def centred(length, step, count):
    """`count` output voxels of `step` input voxels around the middle of `length` input voxels."""
    return Axis((length - 1) / 2 - step * (count - 1) / 2, step, count)


def ball(shape, centre, radius):
    grid = np.indices(shape)
    return sum((one - c) ** 2 for one, c in zip(grid, centre, strict=True)) <= radius**2


def test_the_same_grid_gives_the_same_label():
    label = np.random.default_rng(0).random((9, 10, 11)) < 0.2
    axes = [Axis(0.0, 1.0, length) for length in label.shape]
    assert np.array_equal(on_grid(label, axes), label)


def test_a_turned_axis_turns_the_label():
    label = np.random.default_rng(1).random((6, 7, 8)) < 0.2
    axes = [Axis(0.0, 1.0, 6), Axis(6.0, -1.0, 7), Axis(0.0, 1.0, 8)]
    assert np.array_equal(on_grid(label, axes), label[:, ::-1])


def test_single_voxels_between_the_samples_are_kept():
    label = np.zeros((16, 32, 32), dtype=bool)
    label[[1, 5, 9, 13], [3, 9, 20, 30], [2, 17, 6, 28]] = True
    axes = [centred(16, 4, 4), centred(32, 4, 8), centred(32, 4, 8)]
    assert nearest(label, axes).sum() < 4
    made = on_grid(label, axes)
    assert made.sum() == 4
    assert [tuple(one) for one in np.argwhere(made)] == [(0, 0, 0), (1, 2, 4), (2, 5, 1), (3, 7, 7)]


def test_by_hand_in_two_dimensions():
    # The block of 2 x 3 pixels is worth 6/9 of an output pixel, so it gets one: the left one, of
    # which it fills 4/9, and not the right one, of which it fills 2/9.
    label = np.zeros((6, 6), dtype=bool)
    label[1:3, 1:4] = True
    axes = [Axis(1.0, 3.0, 2), Axis(1.0, 3.0, 2)]
    assert [tuple(one) for one in np.argwhere(on_grid(label, axes))] == [(0, 0)]


def test_a_large_ball_stays_the_ball_that_nearest_samples_give():
    label = ball((60, 80, 80), (30, 40, 41), 20)
    axes = [centred(60, 2, 30), centred(80, 2.3, 35), centred(80, 2.3, 35)]
    made, sampled = on_grid(label, axes), nearest(label, axes)
    assert (made & sampled).sum() / (made | sampled).sum() > 0.95
    assert made.sum() * 2 * 2.3**2 == pytest.approx(label.sum(), abs=0.5 * 2 * 2.3**2)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    step=st.floats(0.4, 5.0),
    offset=st.floats(-0.5, 0.5),
    radius=st.floats(0.5, 6.0),
)
def test_one_lesion_keeps_its_volume(seed, step, offset, radius):
    centre = np.random.default_rng(seed).uniform(8, 16, size=3)
    label = ball((24, 24, 24), centre, radius)
    label[tuple(np.rint(centre).astype(int))] = True
    axis = Axis(offset - step, step, int(26 / step) + 4)
    (lesion,) = find_lesions(label)
    placed = place_lesion(lesion, [axis] * 3)
    assert len({*zip(*placed, strict=True)}) == len(placed[0])
    assert abs(len(placed[0]) - label.sum() / step**3) <= max(0.5 + 1e-6, 1 - label.sum() / step**3)


def test_a_lesion_outside_the_grid_gets_nothing():
    label = np.zeros((4, 4, 20), dtype=bool)
    label[1, 1, 18] = True
    axes = [Axis(0.0, 1.0, 4), Axis(0.0, 1.0, 4), Axis(0.0, 2.0, 4)]
    assert [one.size for one in place_lesion(find_lesions(label)[0], axes)] == [0, 0, 0]


def test_slabs_give_the_lesions_of_the_whole_label():
    label = np.random.default_rng(3).random((20, 30, 25)) < 0.01
    label[:2] = False
    slabs = Slabs(label.shape, np.bool_, None)
    for start in range(0, 20, 5):
        slabs.write(0, start, label[start : start + 5])
    found, expected = lesions_in(slabs), find_lesions(label)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.corner == other.corner
        assert np.array_equal(one.voxels, other.voxels)
    empty = Slabs((3, 4, 5), np.bool_, None)
    empty.write(0, 0, np.zeros((3, 4, 5), dtype=bool))
    assert lesions_in(empty) == []


def test_regions_touch_at_corners():
    label = np.zeros((3, 3, 3), dtype=bool)
    label[0, 0, 0] = label[1, 1, 1] = True
    assert len(find_lesions(label)) == 1
    assert len(find_lesions(np.eye(4, dtype=bool))) == 1
    assert len(find_lesions(np.array([[1, 0, 1]], dtype=bool))) == 2
