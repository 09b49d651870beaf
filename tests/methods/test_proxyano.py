"""ProxyAno's modules, objectives and detector."""

import logging

import numpy as np
import pytest
import torch

from bench import registry
from bench.detector import Images
from bench.errors import MethodError
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.detector import ProxyAno
from methods.proxyano.expected import ExpectedError
from methods.proxyano.modules import (
    Extraction,
    PatchDiscriminator,
    ProxyAnoNetwork,
    ProxyExtraction,
)
from methods.proxyano.objectives import (
    bridge,
    extraction_player,
    joint_players,
    proxy_loss,
    reconstruction_players,
)
from methods.proxyano.proxies import make_proxy
from methods.shared.training import Step, train

CONFIG = registry.method("proxyano").config


def settings(**changes):
    return ProxyAnoSettings.model_validate(
        CONFIG | {"depth": 3, "stride": 2, "slots": 20} | changes
    )


def fitted(folder, *, channels=1, logger=None, steps=4, **changes):
    seeding.seed_everything(0, threads=1, device="cpu")
    detector = ProxyAno(CONFIG | {"depth": 3, "stride": 2, "slots": 20} | changes)
    more = {} if logger is None else {"logger": logger}
    detector.fit(normal_images(channels=channels), small_run(folder, steps=steps, **more))
    return detector


@pytest.mark.parametrize("memory", ["pair", "single", "none"])
def test_modules_keep_the_shape_and_train_every_parameter(memory):
    network = ProxyAnoNetwork(2, 4, settings(memory=memory))
    images = torch.rand(2, 2, 37, 32)
    proxy, rebuilt = network(images)
    assert proxy.shape == rebuilt.shape == images.shape
    rebuilt.square().mean().backward()
    assert all(value.grad is not None for value in network.parameters())
    weights = network.extraction(images).weights
    sides = [] if memory == "none" else [(19, 16), (10, 8), (5, 4)]
    assert [one.shape for one in weights] == [(2, 20, *side) for side in sides]


@pytest.mark.parametrize(("stride", "sides"), [(1, [38, 19, 10, 5]), (4, [10, 5]), (8, [5])])
def test_the_stride_decides_where_the_finest_memory_is(stride, sides):
    network = ProxyExtraction(1, 4, settings(stride=stride))
    proxy, weights = network(torch.rand(2, 1, 38, 38))
    assert proxy.shape == (2, 1, 38, 38)
    assert [one.shape[-1] for one in weights] == sides


def test_nothing_reaches_the_predicted_proxy_past_a_memory():
    """Memories that always give one answer: the proxy no longer depends on the image."""
    network = ProxyExtraction(1, 4, settings()).eval()
    images = torch.rand(2, 1, 32, 32)
    assert not torch.equal(*network(images).proxy)
    with torch.no_grad():
        for memory in network.memories:
            memory.values[:] = memory.values[0]
    assert torch.allclose(*network(images).proxy, atol=1e-4)


def test_the_proxy_is_all_that_reaches_the_reconstruction():
    network = ProxyAnoNetwork(1, 4, settings()).eval()
    proxy, rebuilt = network(torch.rand(1, 1, 32, 32))
    assert torch.equal(rebuilt, network.reconstruction(proxy))


def test_the_discriminator_judges_patches():
    assert PatchDiscriminator(3, 4)(torch.rand(2, 3, 64, 64)).shape == (2, 1, 8, 8)


def test_without_proxy_there_are_as_many_parameters(tmp_path):
    counts = [fitted(tmp_path, proxy=one).n_parameters for one in ("superpixel", "none")]
    assert counts[0] == counts[1] > 0


def learned(folder, players, normal, proxies, steps):
    arrays = {"images": normal.images, "proxies": proxies, "masks": normal.masks}
    run = small_run(folder, steps=steps)
    return train(players, arrays, run, steps=steps, note="train")


def few():
    normal = normal_images(count=4)
    pairs = zip(normal.images, normal.masks, strict=True)
    return normal, np.stack([make_proxy(*pair, settings(segments=60)) for pair in pairs])


def test_the_extraction_learns_the_proxies_of_a_few_images(tmp_path):
    normal, proxies = few()
    torch.manual_seed(0)
    player = extraction_player(ProxyExtraction(1, 8, settings()), settings(), seed=0)
    losses = learned(tmp_path, [player], normal, proxies, 150)
    assert losses["proxy"] < 0.5 * np.abs(proxies).mean()


def test_the_reconstruction_learns_a_few_images_from_their_proxies(tmp_path):
    normal, proxies = few()
    chosen = settings(irm_input="true")
    torch.manual_seed(0)
    network = ProxyAnoNetwork(1, 8, chosen)
    frozen = {name: value.clone() for name, value in network.extraction.state_dict().items()}
    players = reconstruction_players(network, None, chosen, seed=0)
    losses = learned(tmp_path, players, normal, proxies, 150)
    assert losses["reconstruction"] < 0.5 * np.abs(normal.images).mean()
    after = network.extraction.state_dict()
    assert all(torch.equal(frozen[name], after[name]) for name in frozen)


def test_the_bridge_moves_from_true_to_predicted():
    true, predicted = torch.zeros(400, 1, 2, 2), torch.ones(400, 1, 2, 2)
    generator = np.random.default_rng(0)
    assert bridge(true, predicted, 0.5, generator, "true") is true
    assert bridge(true, predicted, 0.5, generator, "predicted") is predicted
    shares = [
        bridge(true, predicted, share, generator, "scheduled").mean().item()
        for share in (0.0, 0.3, 1.0)
    ]
    assert shares == pytest.approx([0, 0.3, 1], abs=0.06)


@pytest.mark.parametrize(
    "changes",
    [
        *({"proxy": one} for one in ("edge", "blur", "quantized", "lowres", "none")),
        {"training": "two-stage"},
        {"training": "two-stage", "irm_input": "true", "memory": "single"},
        {"irm_input": "predicted", "memory": "none", "paste_source": "another"},
        {"paste_on": "image", "training": "two-stage"},
        {"paste_on": "both", "paste_source": "another"},
        {"adversarial_weight": 0.1},
        {"adversarial_weight": 0.1, "training": "two-stage"},
        {"residual": "ssim", "entropy_weight": 2e-4},
        {"paste_feather": 0.0, "paste_gain": 0.0, "paste_offset": 0.0},
        {"depth": 1, "stride": 2},
        {"stride": 1},
        {"stride": 8},
        {"loss": "l1", "units": "intensity", "paste_noise": 0.0},
    ],
    ids=str,
)
def test_every_choice_runs(tmp_path, changes):
    found = fitted(tmp_path, channels=2, **changes).predict(images_to_test(channels=2))
    assert np.isfinite(found.maps).all()
    assert np.isfinite(found.scores).all()


def test_the_map_is_the_residual_of_the_reconstruction(tmp_path):
    images = images_to_test()
    detector = fitted(tmp_path, units="intensity")
    found, parts = detector.predict(images), detector.explain(images)
    expected = (images.images - parts["reconstruction"])[:, 0] * images.masks
    assert found.signed
    assert np.array_equal(found.maps, expected)
    inside = [np.abs(one[mask]).mean() for one, mask in zip(expected, images.masks, strict=True)]
    assert found.scores == pytest.approx(inside, rel=1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_by_default_the_map_is_in_units_of_what_is_usual_in_training(tmp_path, channels):
    plain = fitted(tmp_path, units="intensity", channels=channels)
    scaled = fitted(tmp_path, channels=channels)
    images, normal = images_to_test(channels=channels), normal_images(channels=channels)
    before, after = plain.predict(images).maps, scaled.predict(images).maps
    assert np.array_equal(np.sign(before), np.sign(after))
    learned = Images(normal.images, normal.masks)
    rebuilt = scaled.explain(learned)["reconstruction"].mean(axis=1)
    usual = ExpectedError.learn(plain.predict(learned).maps, rebuilt, normal.masks)
    made = scaled.explain(images)["reconstruction"].mean(axis=1)
    for one, whole, error, mask in zip(after, made, before, images.masks, strict=True):
        assert np.allclose(one, usual.in_units(error, whole, mask), rtol=1e-4)


def test_the_usual_errors_are_saved(tmp_path):
    detector, images = fitted(tmp_path), images_to_test()
    place = tmp_path / "saved"
    place.mkdir()
    detector.save(place)
    again = ProxyAno(detector._settings.model_dump())
    again.load(place)
    assert np.array_equal(detector.predict(images).maps, again.predict(images).maps)


def test_the_steps_between_are_those_of_the_modules(tmp_path):
    images, detector = images_to_test(), fitted(tmp_path)
    parts = detector.explain(images)
    assert list(parts) == ["proxy", "predicted proxy", "reconstruction"]
    for i, pair in enumerate(zip(images.images, images.masks, strict=True)):
        assert np.array_equal(parts["proxy"][i], make_proxy(*pair, settings()))
    with torch.inference_mode():
        expected = detector._network(torch.from_numpy(images.images))
    for name, one in zip(("predicted proxy", "reconstruction"), expected, strict=True):
        assert np.allclose(parts[name], one.numpy(), atol=1e-5)


def test_the_entropy_of_all_memories_enters_the_loss():
    proxies = torch.zeros(1, 1, 8, 8)
    even, certain = torch.full((1, 8, 2, 2), 1 / 8), torch.zeros(1, 8, 4, 4)
    certain[:, 3] = 1
    extracted = Extraction(proxies + 0.5, [even, certain])
    with_entropy = proxy_loss(extracted, proxies, settings(entropy_weight=0.1)).item()
    assert with_entropy == pytest.approx(0.5**2 + 0.1 * np.log(8) / 2, rel=1e-5)
    assert proxy_loss(extracted, proxies, settings(entropy_weight=0.0)).item() == 0.5**2
    assert proxy_loss(extracted, proxies, settings(loss="l1")).item() == 0.5


def test_the_memory_s_use_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="test"):
        fitted(tmp_path, logger=logging.getLogger("test"))
    levels = [one.split(":")[0] for one in caplog.messages if one.startswith("memory at")]
    assert levels == ["memory at 1/2", "memory at 1/4", "memory at 1/8"]
    assert any("loss: joint" in one for one in caplog.messages)


def test_one_step_is_enough_to_run(tmp_path):
    found = fitted(tmp_path, training="two-stage", steps=1).predict(images_to_test())
    assert np.isfinite(found.maps).all()


def test_before_fit_it_says_what_to_do(tmp_path):
    with pytest.raises(MethodError, match="call fit or load first"):
        ProxyAno(CONFIG).predict(images_to_test())
    with pytest.raises(MethodError, match="call fit or load first"):
        ProxyAno(CONFIG).save(tmp_path)


@pytest.mark.parametrize("make", [joint_players, reconstruction_players])
@pytest.mark.parametrize("paste_on", ["proxy", "image", "both"])
def test_patches_go_where_they_are_wanted_and_never_on_a_target(paste_on, make):
    chosen = settings(paste_count=4, paste_on=paste_on, irm_input="true", memory="none")
    network = ProxyAnoNetwork(1, 4, chosen)
    seen = {}
    network.extraction.register_forward_pre_hook(lambda _, given: seen.update(image=given[0]))
    network.reconstruction.register_forward_pre_hook(lambda _, given: seen.update(proxy=given[0]))
    normal = normal_images(count=4)
    batch = {
        "images": torch.from_numpy(normal.images),
        "proxies": torch.from_numpy(0.5 * normal.images),
        "masks": torch.from_numpy(normal.masks),
    }
    before = {name: value.clone() for name, value in batch.items()}
    players = make(network, None, chosen, seed=0)
    players[0].loss(Step(0.0, batch))
    assert all(torch.equal(batch[name], before[name]) for name in before)
    assert torch.equal(seen["image"], before["images"]) == (paste_on == "proxy")
    assert torch.equal(seen["proxy"], before["proxies"]) == (paste_on == "image")
