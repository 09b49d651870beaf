import numpy as np
import pytest

from fakes.method_samples import ellipse
from methods.shared.foreground import foreground, mean_score
from methods.shared.residual import residual_map
from methods.shared.settings import ResidualSettings


def settings(residual="signed"):
    return ResidualSettings(residual=residual)


@pytest.fixture
def pair():
    generator = np.random.default_rng(0)
    return generator.random((2, 2, 32, 32), dtype=np.float32)


def test_the_squared_residual_is_the_mean_over_channels(pair):
    mask = ellipse()
    found = residual_map(*pair, mask, settings("squared"))
    expected = ((pair[0] - pair[1]) ** 2).mean(axis=0)
    assert found.dtype == np.float32
    assert found[mask] == pytest.approx(expected[mask])
    assert (found[~mask] == 0).all()
    assert not settings("squared").signed


def test_the_signed_residual_of_one_channel_is_the_difference(pair):
    mask = ellipse()
    found = residual_map(pair[0][:1], pair[1][:1], mask, settings())
    assert found.dtype == np.float32
    assert np.array_equal(found, np.where(mask, pair[0, 0] - pair[1, 0], 0))
    assert settings().signed


def test_the_signed_residual_of_channels_is_their_mean_size_with_the_sign_of_their_mean(pair):
    whole = np.ones((32, 32), dtype=bool)
    found = residual_map(*pair, whole, settings())
    difference = pair[0] - pair[1]
    assert np.abs(found) == pytest.approx(np.abs(difference).mean(axis=0), abs=1e-6)
    assert (np.sign(found) == np.sign(difference.mean(axis=0))).all()
    grey = [np.repeat(one[:1], 3, axis=0) for one in pair]
    assert residual_map(*grey, whole, settings()) == pytest.approx(difference[0], abs=1e-6)


def test_ssim_is_zero_for_equal_images_and_rises_with_the_difference(pair):
    image, mask = pair[0], np.ones((32, 32), dtype=bool)
    same = residual_map(image, image, mask, settings("ssim"))
    near = residual_map(image, image + 0.1 * pair[1], mask, settings("ssim"))
    far = residual_map(image, pair[1], mask, settings("ssim"))
    assert same == pytest.approx(0, abs=1e-6)
    assert 0 < near.mean() < far.mean()


def test_the_score_is_the_mean_over_the_foreground():
    mask = ellipse()
    assert mean_score(np.where(mask, 3, 7).astype(np.float32), mask) == 3


def test_without_foreground_all_pixels_count():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    empty = np.zeros((4, 4), dtype=bool)
    assert foreground(values, empty).tolist() == list(range(16))
    assert mean_score(values, empty) == 7.5
