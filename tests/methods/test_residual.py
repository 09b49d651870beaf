import numpy as np
import pytest

from fakes.method_samples import ellipse
from methods.shared.foreground import foreground, mean_score
from methods.shared.residual import residual_map, smoothed
from methods.shared.settings import ResidualSettings


def settings(residual="absolute", smoothing=0.0):
    return ResidualSettings(residual=residual, smoothing=smoothing)


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    return generator.random((2, 2, 32, 32), dtype=np.float32)


@pytest.mark.parametrize(("kind", "power"), [("absolute", 1), ("squared", 2)])
def test_residual_is_the_mean_difference_over_channels(pair, kind, power):
    mask = ellipse()
    found = residual_map(*pair, mask, settings(kind))
    expected = (np.abs(pair[0] - pair[1]) ** power).mean(axis=0)
    assert found.dtype == np.float32
    assert found[mask] == pytest.approx(expected[mask])
    assert (found[~mask] == 0).all()


def test_ssim_is_zero_for_equal_images_and_rises_with_the_difference(pair):
    image, mask = pair[0], np.ones((32, 32), dtype=bool)
    same = residual_map(image, image, mask, settings("ssim"))
    near = residual_map(image, image + 0.1 * pair[1], mask, settings("ssim"))
    far = residual_map(image, pair[1], mask, settings("ssim"))
    assert same == pytest.approx(0, abs=1e-6)
    assert 0 < near.mean() < far.mean()


def test_smoothing_keeps_a_constant_map_up_to_the_rim():
    mask = ellipse()
    found = smoothed(np.where(mask, 2, 0).astype(np.float32), mask, 0.1)
    assert found[mask] == pytest.approx(2)
    assert (found[~mask] == 0).all()


def test_smoothing_without_foreground_is_zero():
    empty = np.zeros((32, 32), dtype=bool)
    assert (smoothed(np.zeros((32, 32), dtype=np.float32), empty, 0.1) == 0).all()


def test_the_score_is_the_mean_over_the_foreground():
    mask = ellipse()
    assert mean_score(np.where(mask, 3, 7).astype(np.float32), mask) == 3


def test_without_foreground_all_pixels_count():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    empty = np.zeros((4, 4), dtype=bool)
    assert foreground(values, empty).tolist() == list(range(16))
    assert mean_score(values, empty) == 7.5


def test_the_signed_residual_is_smoothed_before_it_is_absolute(pair):
    mask = ellipse()
    found = residual_map(*pair, mask, settings("signed", 0.05))
    parts = [smoothed(np.where(mask, one, 0), mask, 0.05) for one in pair[0] - pair[1]]
    assert found.dtype == np.float32
    assert np.array_equal(found, np.abs(parts).mean(axis=0))


def test_a_shifted_edge_cancels_in_the_signed_residual_only():
    rebuilt = np.zeros((1, 64, 64), dtype=np.float32)
    rebuilt[:, :, ::8] = 1
    shifted, full = np.roll(rebuilt, 1, axis=2), np.ones((64, 64), dtype=bool)
    signed = residual_map(shifted, rebuilt, full, settings("signed", 0.1))
    absolute = residual_map(shifted, rebuilt, full, settings("absolute", 0.1))
    assert signed.max() < 0.2 * absolute.min()


def test_the_signed_residual_needs_smoothing():
    with pytest.raises(ValueError, match="smoothing above 0"):
        settings("signed", 0.0)
