"""ProxyAno's modules, objectives and detector."""

import logging

import numpy as np
import pytest
import torch

from bench import registry
from bench.errors import MethodError
from bench.execution import seeding
from fakes.method_samples import images_to_test, normal_images, small_run
from methods.proxyano.config import ProxyAnoSettings
from methods.proxyano.detector import ProxyAno
from methods.proxyano.modules import PatchDiscriminator, ProxyAnoNetwork, ProxyExtraction
from methods.proxyano.objectives import (
    bridge,
    extraction_player,
    joint_players,
    reconstruction_players,
)
from methods.proxyano.proxies import make_proxy
from methods.shared.training import Step, train

CONFIG = registry.method("proxyano").config


def settings(**changes):
    return ProxyAnoSettings.model_validate(CONFIG | {"depth": 3, "slots": 20} | changes)


def fitted(folder, *, channels=1, logger=None, steps=4, **changes):
    seeding.seed_everything(0, threads=1, device="cpu")
    detector = ProxyAno(CONFIG | {"depth": 3, "slots": 20} | changes)
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
    assert (weights is None) == (memory == "none")


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
        {"map_source": "proxy"},
        {"map_source": "both", "residual": "ssim", "smoothing": 0.02},
    ],
    ids=str,
)
def test_every_choice_runs(tmp_path, changes):
    found = fitted(tmp_path, channels=2, **changes).predict(images_to_test(channels=2))
    assert np.isfinite(found.maps).all()
    assert np.isfinite(found.scores).all()


def test_the_maps_are_the_residuals_they_are_named_after(tmp_path):
    images, plain = images_to_test(), {"residual": "absolute", "smoothing": 0.0}
    maps = {
        source: fitted(tmp_path, map_source=source, **plain).predict(images).maps
        for source in ("reconstruction", "proxy", "both")
    }
    parts = fitted(tmp_path).explain(images)
    inside = images.masks
    rebuilt = np.abs(images.images - parts["reconstruction"])[:, 0]
    proxy = np.abs(parts["proxy"] - parts["predicted proxy"])[:, 0]
    assert np.array_equal(maps["reconstruction"][inside], rebuilt[inside])
    assert np.array_equal(maps["proxy"][inside], proxy[inside])
    assert np.allclose(maps["both"], maps["reconstruction"] + maps["proxy"])


def test_the_memory_s_use_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="test"):
        fitted(tmp_path, logger=logging.getLogger("test"))
    assert any("memory: used" in one for one in caplog.messages)
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
