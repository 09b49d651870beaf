"""What the abstract states of ProxyAno, shown on small trained networks."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bench import registry
from bench.detector import Images, NormalImages
from bench.execution import seeding
from fakes.method_samples import ellipse, small_run
from methods.proxyano.detector import ProxyAno
from methods.proxyano.proxies import PROXIES

CONFIG = registry.method("proxyano").config
STEPS = 150
LESION = (slice(None), slice(None), slice(12, 19), slice(13, 20))


def brains(count, seed, channels=1, size=32):
    """Smooth texture within an ellipse."""
    generator, mask = np.random.default_rng(seed), ellipse(size)
    texture = gaussian_filter(generator.normal(size=(count, channels, size, size)), (0, 0, 2, 2))
    texture = np.clip(0.4 + 0.12 * texture / texture.std(), 0, 1)
    return (texture * mask).astype(np.float32), np.repeat(mask[None], count, axis=0)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Fit once for each change of the settings."""
    done = {}

    def fit(**changes):
        key = tuple(sorted(changes.items()))
        if key not in done:
            seeding.seed_everything(0, threads=1, device="cpu")
            detector = ProxyAno(CONFIG | {"segments": 60, "slots": 32} | changes)
            run = small_run(tmp_path_factory.mktemp("fit"), steps=STEPS, width=8)
            detector.fit(NormalImages(*brains(64, seed=5)), run)
            done[key] = detector
        return done[key]

    return fit


@pytest.fixture(scope="module")
def errors(fitted):
    """Mean errors within a bright square, where it is, and where it is not (normal images)."""
    normal, masks = brains(16, seed=6)
    abnormal = normal.copy()
    abnormal[LESION] = 1.2

    def measure(**changes):
        found = {}
        for name, images in (("normal", normal), ("abnormal", abnormal)):
            parts = fitted(**changes).explain(Images(images, masks))
            wrong = np.abs(parts["proxy"] - parts["predicted proxy"])[LESION]
            lost = np.abs(images - parts["reconstruction"])[LESION]
            found[name] = {"proxy": wrong.mean(), "reconstruction": lost.mean()}
        return found

    return measure


def test_1_training_is_given_normal_images_and_nothing_else():
    names = {field.name for field in dataclasses.fields(NormalImages)}
    assert names == {"images", "masks", "validation"}


def test_2_several_proxies_bridge_and_the_superpixel_image_is_the_default():
    assert CONFIG["proxy"] == "superpixel"
    assert {"superpixel", "edge", "blur", "quantized", "lowres"} < set(PROXIES)


def test_3_the_correspondence_with_the_proxy_holds_for_normal_images_only(errors):
    found = errors()
    assert found["normal"]["proxy"] < 0.06
    assert found["abnormal"]["proxy"] > 5 * found["normal"]["proxy"]


def test_3_it_is_the_memory_that_restricts(errors):
    """Without patches in training, so that nothing else teaches it to leave anomalies out."""
    with_memory = errors(paste_count=0)["abnormal"]["proxy"]
    without = errors(paste_count=0, memory="none")["abnormal"]["proxy"]
    assert with_memory > 1.2 * without


def test_4_the_second_module_rebuilds_normal_images_from_their_proxies(errors):
    """As well as the proxy itself is predicted: what is abnormal stays far from the image."""
    found = errors()
    assert found["normal"]["reconstruction"] < 0.06
    assert found["abnormal"]["reconstruction"] > 5 * found["normal"]["reconstruction"]


def test_5_patches_enlarge_the_reconstruction_error_of_anomalies(errors):
    with_patches = errors()["abnormal"]["reconstruction"]
    without = errors(paste_count=0)["abnormal"]["reconstruction"]
    assert with_patches > 1.1 * without


@pytest.mark.parametrize("channels", [1, 3])
def test_6_grey_and_colour_images_get_maps_and_scores(tmp_path, channels):
    """Brain MR and OCT are grey, fundus photographs have colours."""
    detector = ProxyAno(CONFIG | {"segments": 60, "slots": 8})
    normal = NormalImages(*brains(4, seed=1, channels=channels))
    detector.fit(normal, small_run(tmp_path, steps=2))
    found = detector.predict(Images(*brains(3, seed=2, channels=channels)))
    assert found.maps.shape == (3, 32, 32)
    assert found.scores.shape == (3,)


def test_the_anomaly_stands_out_in_the_map(fitted):
    images, masks = brains(16, seed=7)
    images[LESION] = 1.2
    maps = fitted().predict(Images(images, masks)).maps
    inside = maps[:, LESION[2], LESION[3]].mean()
    rest = masks.copy()
    rest[:, LESION[2], LESION[3]] = False
    assert inside > 4 * maps[rest].mean()
