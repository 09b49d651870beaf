import numpy as np
import pytest

from bench.detector import Images, NormalImages
from bench.errors import MethodError
from fakes.method_samples import ellipse, images_to_test, normal_images, small_run
from methods.classical.gaussian import Gaussian

ONE = {"templates": 1, "prior_images": 1e-9}


def fitted(normal, folder, **config):
    detector = Gaussian({"templates": 4, "prior_images": 4.0} | config)
    detector.fit(normal, small_run(folder))
    return detector


def aligned_images(count, seed=0):
    """Images of one shape whose pixels vary independently around a common pattern."""
    generator = np.random.default_rng(seed)
    mask = ellipse()
    pattern = np.random.default_rng(9).uniform(0.2, 0.8, (1, 32, 32))
    noise = generator.normal(0, 0.05, (count, 1, 32, 32))
    images = np.where(mask, pattern + noise, 0).astype(np.float32)
    return images, np.repeat(mask[None], count, axis=0)


def test_one_template_without_prior_is_the_plain_z_score(tmp_path):
    images, masks = aligned_images(50)
    detector = fitted(NormalImages(images, masks), tmp_path, **ONE)
    tested = Images(*aligned_images(3, seed=1))
    expected = (tested.images[:, 0] - images.mean(axis=0)[0]) / images.std(axis=0)[0].clip(1e-3)
    inside, found = masks[0], detector.predict(tested)
    assert found.signed
    assert found.maps[:, inside] == pytest.approx(expected[:, inside], rel=1e-3, abs=1e-4)
    assert found.scores == pytest.approx(np.abs(expected[:, inside]).mean(axis=1), rel=1e-3)


def test_channels_share_the_sign_of_their_mean(tmp_path):
    images, masks = aligned_images(50)
    both = np.concatenate([images, 1 - images], axis=1)
    detector = fitted(NormalImages(both, masks), tmp_path, **ONE)
    first, _ = aligned_images(3, seed=1)
    second = 1 - aligned_images(3, seed=2)[0]
    tested = np.concatenate([first, second], axis=1)
    z = (tested - both.mean(axis=0)) / both.std(axis=0).clip(1e-3)
    expected = np.sign(z.mean(axis=1)) * np.sqrt((z**2).mean(axis=1))
    found = detector.predict(Images(tested, masks[:3])).maps
    assert found[:, masks[0]] == pytest.approx(expected[:, masks[0]], rel=1e-3, abs=1e-4)


def test_a_lesion_stands_out(tmp_path):
    detector = fitted(NormalImages(*aligned_images(50)), tmp_path)
    images, masks = aligned_images(2, seed=1)
    images[1, :, 14:18, 14:18] += 0.5
    found = detector.predict(Images(images, masks))
    assert found.scores[1] > found.scores[0]
    assert found.maps[1, 14:18, 14:18].min() > np.percentile(found.maps[0], 99)


def test_the_prior_steadies_what_few_images_show(tmp_path):
    normal = normal_images(count=2)
    loose = fitted(normal, tmp_path, templates=1, prior_images=1e-6).predict(images_to_test())
    steady = fitted(normal, tmp_path, templates=1, prior_images=4.0).predict(images_to_test())
    assert steady.maps.max() < 0.1 * loose.maps.max()


def test_like_images_share_a_template(tmp_path):
    dark, masks = aligned_images(20)
    bright = np.where(masks[:, None], dark + 1, 0).astype(np.float32)
    both = NormalImages(np.concatenate([dark, bright]), np.concatenate([masks, masks]))
    apart = fitted(both, tmp_path, templates=2).predict(Images(bright, masks)).maps
    alone = fitted(NormalImages(bright, masks), tmp_path, templates=1)
    assert apart == pytest.approx(alone.predict(Images(bright, masks)).maps, rel=1e-4)


def test_more_templates_than_images(tmp_path):
    found = fitted(normal_images(count=3), tmp_path, templates=50).predict(images_to_test())
    assert np.isfinite(found.maps).all()


def test_before_fit_it_says_what_to_do():
    with pytest.raises(MethodError, match="call fit or load first"):
        Gaussian(ONE).predict(images_to_test())


def test_no_images_are_refused(tmp_path):
    images, masks = aligned_images(1)
    with pytest.raises(MethodError, match="no normal images"):
        fitted(NormalImages(images[:0], masks[:0]), tmp_path)
