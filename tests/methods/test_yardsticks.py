import numpy as np
import pytest

from bench import registry
from bench.detector import Images, NormalImages, Skip
from fakes.method_samples import ellipse, images_to_test, normal_images, small_run
from methods.classical.yardsticks import Area, Constant, Position, Statistics, numbers_of


def test_constant_is_the_signed_difference_from_the_median_of_the_foreground():
    images = images_to_test()
    found = Constant({}).predict(images)
    assert found.signed
    for image, mask, made, score in zip(
        images.images[:, 0], images.masks, found.maps, found.scores, strict=True
    ):
        expected = image[mask] - np.median(image[mask])
        assert made[mask] == pytest.approx(expected, abs=1e-6)
        assert not made[~mask].any()
        assert score == pytest.approx(np.abs(expected).mean(), rel=1e-5)


def test_constant_takes_each_channels_own_median():
    generator = np.random.default_rng(0)
    images = generator.random((1, 2, 8, 8), dtype=np.float32)
    images[:, 1] += 5
    found = Constant({}).predict(Images(images, np.ones((1, 8, 8), dtype=bool)))
    parts = images[0] - np.median(images[0], axis=(1, 2))[:, None, None]
    assert np.abs(found.maps[0]) == pytest.approx(np.abs(parts).mean(axis=0), abs=1e-5)
    assert (np.sign(found.maps[0]) == np.sign(parts.mean(axis=0))).all()


def test_area_is_the_share_of_foreground():
    masks = np.zeros((2, 8, 8), dtype=bool)
    masks[0, :2] = True
    found = Area({}).predict(Images(np.zeros((2, 1, 8, 8), np.float32), masks))
    assert found.maps is None
    assert found.scores.tolist() == [0.25, 0.0]


def test_position_is_highest_in_the_middle_of_the_stack():
    images = np.zeros((5, 1, 8, 8), np.float32)
    masks, places = np.ones((5, 8, 8), dtype=bool), np.linspace(-1, 1, 5, dtype=np.float32)
    found = Position({}).predict(Images(images, masks, positions=places))
    assert found.maps is None
    assert found.scores.tolist() == [-1.0, -0.5, 0.0, -0.5, -1.0]
    with pytest.raises(Skip, match="single images"):
        Position({}).predict(Images(images, masks))


def test_statistics_are_those_of_the_foreground():
    mask = ellipse()
    image = np.random.default_rng(0).random((1, 32, 32), dtype=np.float32)
    mean, sd, gradient, dark = numbers_of(image, mask)
    inside = image[0][mask]
    assert mean == pytest.approx(inside.mean())
    assert sd == pytest.approx(inside.std())
    assert dark == pytest.approx((inside < 0.1).mean())
    down, right = np.gradient(image[0].astype(np.float64))
    assert gradient == pytest.approx(np.sqrt(down**2 + right**2)[mask].mean())


def test_statistics_measure_the_distance_from_normal_images(tmp_path):
    normal = normal_images(count=20)
    detector = Statistics({})
    detector.fit(normal, small_run(tmp_path))
    dark = normal.images.copy()
    dark[0] = np.where(normal.masks[0], 0.01, 0)
    found = detector.predict(Images(dark, normal.masks))
    own = [numbers_of(*pair) for pair in zip(normal.images, normal.masks, strict=True)]
    z = (numbers_of(dark[0], normal.masks[0]) - np.mean(own, axis=0)) / np.std(own, axis=0)
    assert found.scores[0] == pytest.approx(np.sqrt((z**2).mean()), rel=1e-3)
    assert found.scores[0] > 3 * found.scores[1:].max()


def test_statistics_of_equal_normal_images_are_finite(tmp_path):
    images, masks = np.ones((3, 1, 8, 8), np.float32), np.ones((3, 8, 8), dtype=bool)
    detector = Statistics({})
    detector.fit(NormalImages(images, masks), small_run(tmp_path))
    assert detector.predict(Images(2 * images, masks)).scores.tolist() == pytest.approx([500.0] * 3)


def test_the_yardsticks_are_cheap_and_trivial():
    cards = [card for card in registry.load_methods().values() if card.yardstick]
    assert {card.name: card.yardstick for card in cards} == {
        "random": "all",
        "constant": "all",
        "equalized": "all",
        "area": "images",
        "statistics": "images",
        "position": "volumes",
    }
    assert {(card.family, card.cost) for card in cards} == {("trivial", "none")}
