import numpy as np
import pytest

from bench.detector import Images
from bench.errors import MethodError
from fakes.method_samples import ellipse, images_to_test, normal_images, small_run
from methods.classical.trivial import Equalized, Intensity, Random, equalize

BRIGHT = {"anomalies": "bright"}
DARK = {"anomalies": "dark"}


def fitted_random(folder, seed):
    detector = Random({})
    detector.fit(normal_images(), small_run(folder, seed=seed))
    return detector


def test_random_depends_on_the_seed_and_on_the_image(tmp_path):
    images = images_to_test()
    first = fitted_random(tmp_path, 0).predict(images)
    other = fitted_random(tmp_path, 1).predict(images)
    assert not np.array_equal(first.maps, other.maps)
    assert len(np.unique(first.scores)) == len(images)


def test_random_gives_one_image_one_answer(tmp_path):
    one = images_to_test(count=1)
    twice = Images(np.repeat(one.images, 2, axis=0), np.repeat(one.masks, 2, axis=0))
    found = fitted_random(tmp_path, 0).predict(twice)
    assert np.array_equal(found.maps[0], found.maps[1])


def test_random_is_uniform(tmp_path):
    found = fitted_random(tmp_path, 0).predict(images_to_test(count=20))
    assert 0 <= found.maps.min() < 0.01
    assert 0.99 < found.maps.max() < 1
    assert found.maps.mean() == pytest.approx(0.5, abs=0.01)


def test_random_before_fit_says_what_to_do():
    with pytest.raises(MethodError, match="call fit or load first"):
        Random({}).predict(images_to_test())


def test_intensity_is_the_mean_over_channels():
    images = images_to_test(channels=3)
    bright = Intensity(BRIGHT).predict(images)
    assert np.allclose(bright.maps, images.images.mean(axis=1))
    assert np.array_equal(Intensity(DARK).predict(images).maps, -bright.maps)


def test_intensity_scores_by_the_99th_percentile_of_the_foreground():
    mask = ellipse()
    image = np.zeros((1, 1, 32, 32), dtype=np.float32)
    image[0, 0, mask] = np.arange(mask.sum(), dtype=np.float32)
    image[0, 0, 0, 0] = 1e6
    scores = Intensity(BRIGHT).predict(Images(image, mask[None])).scores
    assert scores[0] == pytest.approx(0.99 * (mask.sum() - 1))


def test_equalize_is_the_share_of_foreground_not_above():
    generator = np.random.default_rng(0)
    mask = ellipse(16)
    image = generator.integers(0, 5, (2, 16, 16)).astype(np.float32)  # many ties
    found = equalize(image, mask)
    for row, column in np.argwhere(mask):
        shares = [(channel[mask] <= channel[row, column]).mean() for channel in image]
        assert found[row, column] == pytest.approx(np.mean(shares))
    assert (found[~mask] == 0).all()


def test_equalized_ignores_any_rising_change_of_intensity():
    images = images_to_test()
    changed = Images(np.exp(2 * images.images), images.masks)
    first, second = (Equalized(BRIGHT).predict(one).maps for one in (images, changed))
    assert np.array_equal(first, second)


def test_equalized_without_foreground_is_zero():
    image = np.ones((1, 1, 32, 32), dtype=np.float32)
    found = Equalized(DARK).predict(Images(image, np.zeros((1, 32, 32), dtype=bool)))
    assert (found.maps == 0).all()
