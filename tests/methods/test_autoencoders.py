"""What all methods of `methods.autoencoders` share, and MemAE."""

import numpy as np
import pytest
import torch

from bench import registry
from bench.detector import Images
from bench.errors import MethodError, UsageError
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.autoencoders.memae import MemAeNetwork
from methods.autoencoders.settings import MemAeSettings

NAMES = ["vae", "anovaegan", "dae", "memae", "fanogan"]
# How far the mean residual of the training images must fall from one step to STEPS.
FALLS = {"vae": 0.5, "anovaegan": 0.75, "dae": 0.35, "memae": 0.5, "fanogan": 0.7}
STEPS = 120


def fitted(folder, name, *, normal=None, steps=2, width=4, **changes):
    seeding.seed_everything(0, threads=1, device="cpu")
    card = registry.method(name)
    detector = registry.load_class(card)(card.config | {"depth": 3} | changes)
    detector.fit(normal or normal_images(), small_run(folder, steps=steps, width=width))
    return detector


@pytest.mark.parametrize("name", NAMES)
def test_training_images_are_learned(tmp_path, name):
    normal = normal_images(count=4)
    images = Images(normal.images, normal.masks)
    found = [
        fitted(tmp_path, name, normal=normal, steps=steps, width=8).predict(images)
        for steps in (1, STEPS)
    ]
    residuals = [np.abs(one.maps).mean() for one in found]
    assert residuals[1] < FALLS[name] * residuals[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_detector_is_the_same(tmp_path, name):
    detector = fitted(tmp_path, name, normal=normal_images(channels=2))
    folder = tmp_path / "kept"
    folder.mkdir()
    detector.save(folder)
    card = registry.method(name)
    loaded = registry.load_class(card)(card.config | {"depth": 3})
    loaded.load(folder)
    images = images_to_test(channels=2)
    one, other = detector.predict(images), loaded.predict(images)
    assert np.array_equal(one.maps, other.maps)
    assert np.array_equal(one.scores, other.scores)
    assert detector.n_parameters == loaded.n_parameters > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_map_is_the_residual_and_nothing_outside(tmp_path, name):
    detector, images = fitted(tmp_path, name), images_to_test(count=1)
    with torch.inference_mode():
        batch = torch.from_numpy(images.images)
        rebuilt = detector._rebuild(detector._network, batch, images.masks).images
    maps = detector.predict(images).maps
    assert np.array_equal(maps, np.where(images.masks, (images.images - rebuilt.numpy())[:, 0], 0))
    assert detector.predict(images).signed
    assert not maps[~images.masks].any()


@pytest.mark.parametrize("name", ["anovaegan", "dae", "memae"])
def test_convolutional_methods_take_images_of_another_size(tmp_path, name):
    found = fitted(tmp_path, name).predict(images_to_test(size=41))
    assert found.maps.shape == (4, 41, 41)


@pytest.mark.parametrize("name", ["vae", "fanogan"])
def test_methods_with_a_latent_vector_say_what_size_they_take(tmp_path, name):
    detector = fitted(tmp_path, name)
    with pytest.raises(MethodError, match=r"images of 32 x 32 pixels, .* got 41 x 41"):
        detector.predict(images_to_test(size=41))


@pytest.mark.parametrize("name", NAMES)
def test_before_fit_it_says_what_to_do(tmp_path, name):
    card = registry.method(name)
    with pytest.raises(MethodError, match="no network yet; call fit or load first"):
        registry.load_class(card)(card.config).predict(images_to_test())


# --- MemAE --------------------------------------------------------------------------------------


def memory_network(**changes):
    torch.manual_seed(0)
    config = registry.method("memae").config | {"depth": 3, "slots": 20} | changes
    return MemAeNetwork(1, 4, MemAeSettings.model_validate(config))


def test_only_the_memory_reaches_the_decoder():
    network = memory_network().eval()
    images = torch.rand(2, 1, 32, 32)
    first, second = network(images)[0]
    assert not torch.allclose(first, second)
    with torch.no_grad():  # with one entry to recall, all images are rebuilt alike
        network.memory.keys.copy_(network.memory.keys[:1].expand_as(network.memory.keys))
    first, second = network(images)[0]
    assert torch.allclose(first, second, atol=1e-6)


def test_weights_are_sparse_and_sum_to_one():
    weights = memory_network(shrinkage=1.0).eval()(torch.rand(2, 1, 32, 32))[1]
    assert torch.allclose(weights.sum(dim=1), torch.ones(2, 4, 4))
    assert 0 < (weights > 0).float().mean() < 0.9


def test_a_shrinkage_that_leaves_nothing_is_refused():
    with pytest.raises(UsageError, match="no weight survives"):
        registry.resolve_config(registry.method("memae"), {"slots": 2, "shrinkage": 2.0})
