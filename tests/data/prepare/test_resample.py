import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.prepare.resample import Axis, linear, masked

IDENTITY = Axis(0, 1, 12)


def noise(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_identity_changes_nothing():
    volume = noise((12, 12, 12))
    np.testing.assert_array_equal(linear(volume, [IDENTITY] * 3), volume)


def test_a_plane_is_interpolated_exactly_and_axes_turn():
    x = np.arange(12, dtype=np.float32)
    volume = x[:, None, None] + 2 * x[None, :, None] + 4 * x[None, None, :]
    axes = [Axis(10.25, -0.5, 9), Axis(2, 1.25, 6), Axis(3.5, 1, 5)]
    a, b, c = (axis.positions for axis in axes)
    expected = a[:, None, None] + 2 * b[None, :, None] + 4 * c[None, None, :]
    np.testing.assert_allclose(linear(volume, axes), expected, rtol=1e-6)


@given(
    first=st.floats(-5, 15), step=st.floats(0.3, 4), sign=st.sampled_from([-1, 1]),
    start=st.integers(0, 6), stop=st.integers(7, 12),
)  # fmt: skip
def test_cropping_to_the_foreground_changes_nothing(first, step, sign, start, stop):
    volume = np.zeros((12, 3), dtype=np.float32)
    volume[start:stop] = noise((stop - start, 3))
    axes = [Axis(first, sign * step, 8), Axis(0, 1, 3)]
    cropped = linear(volume[start:stop], [axes[0].shifted(start), axes[1]])
    np.testing.assert_allclose(linear(volume, axes), cropped, atol=1e-6)


@pytest.mark.parametrize("step", [0.7, 1.4, 2, 3.5])
def test_a_constant_foreground_has_no_rim(step):
    inside = np.zeros((40, 40, 40), dtype=np.float32)
    inside[8:31, 5:34, 10:33] = 1
    axes = [Axis(0.3, step, int(40 / step))] * 3
    (image,), mask = masked([inside * 0.75], inside, axes)
    np.testing.assert_allclose(image[mask], 0.75, rtol=1e-5)
    assert not image[~mask].any()
    assert mask.sum() * step**3 == pytest.approx(inside.sum(), rel=0.15)


def test_a_foreground_at_the_border_is_not_eaten():
    """Beyond the border is background, but what the filter spreads there counts."""
    inside = np.ones((20, 20), dtype=np.float32)
    room = np.pad(inside, 10)
    axis = Axis(-1.3, 2, 12)
    expected = linear(room, [axis.shifted(-10)] * 2)
    np.testing.assert_allclose(linear(inside, [axis] * 2), expected, atol=1e-6)


def test_prefilter_removes_what_the_coarse_grid_cannot_hold():
    stripes = np.zeros((200, 4), dtype=np.float32)
    stripes[::2] = 1
    coarse = linear(stripes, [Axis(10, 4, 40), Axis(0, 1, 4)])
    assert np.ptp(coarse) < 0.01
    assert Axis(0, 1.5, 4).sigma == 0
    assert Axis(0, -4, 4).sigma == pytest.approx(np.sqrt(15) / 2.3548, rel=1e-4)
