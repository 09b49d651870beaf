from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from fakes.method_samples import ellipse, normal_images, small_run
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.proxies import (
    PROXIES,
    SETTINGS_OF,
    fill_means,
    make_proxy,
    write_proxies,
)

DEFAULTS = ProxyAnoSettings.model_validate(registry.method("proxyano").config)


def settings(**changes):
    return DEFAULTS.model_copy(update=changes)


def sample(channels=1, size=48):
    normal = normal_images(count=1, channels=channels, size=size)
    return normal.images[0], normal.masks[0]


def test_means_agree_with_brute_force():
    generator = np.random.default_rng(0)
    image = generator.random((2, 20, 20), dtype=np.float32)
    labels = generator.integers(0, 9, (20, 20))
    mask = ellipse(20)
    found = fill_means(image, labels, mask)
    for row, column in np.argwhere(mask):
        like = mask & (labels == labels[row, column])
        assert found[:, row, column] == pytest.approx(image[:, like].mean(axis=1))
    assert (found[:, ~mask] == 0).all()


def test_means_without_foreground_are_zero():
    image = np.ones((1, 8, 8), dtype=np.float32)
    found = fill_means(image, np.zeros((8, 8), dtype=int), np.zeros((8, 8), dtype=bool))
    assert (found == 0).all()


def test_background_does_not_enter_the_means():
    image, mask = np.full((1, 32, 32), 0.7, dtype=np.float32), ellipse()
    image[:, ~mask] = 0
    found = make_proxy(image, mask, settings(segments=9))
    assert found[0, mask] == pytest.approx(0.7)


@pytest.mark.parametrize("value", [0.0, 0.4, 3.0])
def test_the_superpixel_image_of_a_constant_image_is_itself(value):
    image = np.full((1, 32, 32), value, dtype=np.float32)
    assert make_proxy(image, np.ones((32, 32), dtype=bool), DEFAULTS) == pytest.approx(value)


def test_more_superpixels_fit_more_closely():
    image, mask = sample()
    errors = [
        np.abs(make_proxy(image, mask, settings(segments=count)) - image).mean()
        for count in (10, 100, 1000)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_intensities_beyond_1_keep_their_mean():
    image, mask = sample()
    brighter = image.copy()
    brighter[:, 20:28, 20:28] = 4
    found = make_proxy(brighter, mask, settings(segments=400))
    assert found[0, 22:26, 22:26] == pytest.approx(4, abs=0.5)


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_proxy_is_finite_and_zero_outside_the_foreground(proxy, channels):
    image, mask = sample(channels)
    before = image.copy()
    found = make_proxy(image, mask, settings(proxy=proxy))
    assert found.shape == image.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (found[:, ~mask] == 0).all()
    assert np.array_equal(image, before)
    assert proxy == "none" or not np.array_equal(found, image)


def test_an_edge_image_of_a_constant_foreground_is_zero():
    mask = ellipse()
    image = np.where(mask, 0.5, 0).astype(np.float32)[None]
    assert make_proxy(image, mask, settings(proxy="edge")) == pytest.approx(0, abs=1e-6)


def test_a_quantized_image_has_as_many_levels():
    image, mask = sample()
    found = make_proxy(image, mask, settings(proxy="quantized", levels=4))
    assert set(np.unique(np.round(found * 3, 5))) <= {0, 1, 2, 3}


def test_all_proxies_are_written_once_whatever_the_threads(tmp_path):
    normal = normal_images(count=5)
    kept = []
    for threads in (1, 2):
        folder = tmp_path / str(threads)
        folder.mkdir()
        run = small_run(folder)
        budget = run.budget.model_copy(update={"threads": threads})
        kept.append(write_proxies(normal, DEFAULTS, replace(run, budget=budget)))
    assert isinstance(kept[0], np.memmap)
    assert np.array_equal(*kept)
    single = make_proxy(normal.images[2], normal.masks[2], DEFAULTS)
    assert np.array_equal(kept[0][2], single)


def keeping(folder):
    made = []

    def derived_folder(key, make):
        place = folder / key
        if not place.is_dir():
            made.append(key)
            place.mkdir()
            make(place)
        return place

    return derived_folder, made


def test_a_second_fit_finds_the_proxies_by_content(tmp_path):
    derived_folder, made = keeping(tmp_path)
    run = small_run(tmp_path, derived_folder=derived_folder)
    first = write_proxies(normal_images(count=3), DEFAULTS, run)
    again = write_proxies(normal_images(count=3), settings(slots=7), replace(run, seed=1))
    assert len(made) == 1
    assert np.array_equal(first, again)


@pytest.mark.parametrize("changed", ["pixel", "mask", "setting", "proxy"])
def test_other_content_has_other_proxies(tmp_path, changed):
    derived_folder, made = keeping(tmp_path)
    normal = normal_images(count=3)
    run = small_run(tmp_path, derived_folder=derived_folder)
    write_proxies(normal, DEFAULTS, run)
    chosen = DEFAULTS
    if changed == "pixel":
        normal.images[2, 0, 16, 16] += 0.01
    elif changed == "mask":
        normal.masks[2, 16, 16] = False
    else:
        chosen = settings(segments=50) if changed == "setting" else settings(proxy="blur")
    write_proxies(normal, chosen, run)
    assert len(made) == 2


def test_every_proxy_says_what_it_depends_on():
    image, mask = sample()
    for proxy, names in SETTINGS_OF.items():
        for name in ("segments", "compactness", "iterations", "blur", "levels", "lowres_side"):
            value = getattr(DEFAULTS, name)
            other = settings(proxy=proxy, **{name: type(value)(3 * value)})
            same = np.array_equal(
                make_proxy(image, mask, settings(proxy=proxy)), make_proxy(image, mask, other)
            )
            assert same or name in names, (proxy, name)
