"""The torch models of anomalib, driven raw; `make test-anomalib` runs these in their environment.

All start from random weights, and the network is shut.
"""

import importlib.util
import logging
import re
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench import registry
from bench.conformance.contracts import CHECKS
from bench.conformance.trial import Trial
from bench.detector import Images
from conftest import ROOT
from fakes.no_network import shut_the_network

if importlib.util.find_spec("anomalib") is None:
    # No skip that BENCH_REQUIRE_ALL=1 turns into a failure: `make test` goes on to the
    # environment that has it, and there the import below fails if it is missing.
    pytest.skip("anomalib is not installed here; make test-anomalib", allow_module_level=True)

NAMES = [name for name in registry.load_methods() if name.startswith("anomalib-")]
UNNORMALISED = {"anomalib-draem", "anomalib-efficient-ad", "anomalib-ganomaly"}
BOUNDED = {
    "anomalib-fastflow": "minus a likelihood, from -1 to 0",
    "anomalib-stfpm": "a product of cosine distances of features that are 0 or more",
    "anomalib-ganomaly": "no map",
}


BEGIN_AGAIN = {"anomalib-dfm", "anomalib-padim", "anomalib-patchcore"}
"""They train nothing: a fit that was killed is repeated, one pass over the images."""


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    shut_the_network(monkeypatch)


class TrainingOnly:
    """Normal images whose validation images must not be looked at."""

    def __init__(self, normal):
        self.images, self.masks = normal.images, normal.masks

    def __len__(self):
        return len(self.images)

    @property
    def validation(self):
        raise AssertionError("the validation images have a say in the scores")


def random_config(name):
    card = registry.method(name)
    wanted = {"weights": "random"} if "weights" in card.config else {}
    return registry.resolve_config(card, wanted)


@cache
def trial(name):
    """A trial whose detector never sees validation images; fitted once for all tests."""
    card = registry.method(name)
    found = registry.load_class(card)

    class Guarded(found):
        def fit(self, normal, run):
            super().fit(TrainingOnly(normal), run)

    return Trial(card, Guarded, random_config(name), 3)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.xdist_group(n)) for n in NAMES])
def test_contracts_and_rawness(name, caplog):
    for check in CHECKS.values():
        with caplog.at_level(logging.INFO, "bench.conformance"):
            check(trial(name))
    # Held by `resuming`: it kills a fit wherever it keeps a state, and compares the bytes.
    assert ("goes on from the checkpoint" in caplog.text) == (name not in BEGIN_AGAIN)
    same_as_by_hand(name)
    if name not in BOUNDED:
        nothing_is_clamped(name)


def test_the_readme_says_which_fits_go_on_after_a_kill():
    text = (ROOT / "methods/README.md").read_text(encoding="utf-8")
    said = text.partition("**A fit that is killed goes on.**")[2].partition("\n\n")[0]
    goes_on, _, begins_again = said.partition("Of anomalib's models these go on")[2].partition(";")
    assert {*re.findall("`(anomalib-[a-z-]+)`", goes_on)} == {*NAMES} - BEGIN_AGAIN
    assert {*re.findall("`(anomalib-[a-z-]+)`", begins_again)} == BEGIN_AGAIN


def same_as_by_hand(name):
    """Maps and scores are the torch model's own, image by image."""
    detector, images = trial(name).detector, trial(name).images
    found, network = trial(name).prediction, detector._network
    with torch.no_grad():
        by_hand = [call(name, network, batch(name, one)) for one in images.images]
    scores = np.array([float(score) for score, _ in by_hand])
    assert np.allclose(found.scores, scores, rtol=1e-3, atol=1e-5)
    assert np.array_equal(np.argsort(found.scores), np.argsort(scores))
    if found.maps is None:
        return
    for ours, (_, theirs) in zip(found.maps, by_hand, strict=True):
        theirs = theirs.reshape(1, 1, *theirs.shape[-2:])
        if theirs.shape[2:] != ours.shape:
            theirs = F.interpolate(theirs, ours.shape, mode="bilinear", antialias=True)
        assert np.allclose(ours, theirs[0, 0].numpy(), rtol=1e-3, atol=1e-5)
        assert np.corrcoef(ranks(ours), ranks(theirs.numpy()))[0, 1] > 0.999


def batch(name, image):
    one = torch.from_numpy(image.copy())[None]
    side = {"anomalib-efficient-ad": 256, "anomalib-dfm": 128}.get(name, 32)
    if side != 32:
        one = F.interpolate(one, (side, side), mode="bilinear")
    if name == "anomalib-ganomaly":
        return one * 2 - 1
    if name not in UNNORMALISED:
        mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        one = (one - mean[:, None, None]) / sd[:, None, None]
    return one


def call(name, network, images):
    """Score and map of the torch model, brought to the scale of ours where that is stated."""
    if name == "anomalib-cflow":
        return cflow_by_hand(network, images)
    found = network(images)
    if name == "anomalib-draem":  # theirs is the softmax of our logits
        logits = torch.logit(found.anomaly_map.double())
        return logits.max(), logits.float()
    return found.pred_score, found.anomaly_map


def cflow_by_hand(network, images):
    """Our map has, level by level, the order of theirs for a batch of one image."""
    from anomalib.models.image.cflow.anomaly_map import AnomalyMapGenerator

    caught = {}
    hook = network.anomaly_map_generator.register_forward_hook(
        lambda module, args, given, result: caught.update(given), with_kwargs=True
    )
    ours = network(images).anomaly_map
    hook.remove()
    total = torch.zeros_like(ours)
    for values, height, width in zip(
        caught["distribution"], caught["height"], caught["width"], strict=True
    ):
        level = -values.reshape(1, 1, height, width)
        theirs = AnomalyMapGenerator(("one",))(
            distribution=[values], height=[height], width=[width], image_size=None
        )
        assert torch.equal(level.flatten().argsort(), theirs.flatten().argsort())
        total += F.interpolate(level, ours.shape[2:], mode="bilinear", align_corners=True)
    return total.max(), total


def ranks(values):
    return np.argsort(np.argsort(values.ravel(), kind="stable"), kind="stable")


def nothing_is_clamped(name):
    """A far brighter image gets values beyond 0 to 1, and its neighbours keep theirs."""
    usual = trial(name).images
    images, masks = usual.images.copy(), usual.masks.copy()
    images[0] = images[0] * 100
    found = trial(name).detector.predict(Images(images, masks))
    assert found.maps[0].max() > 1 or found.maps[0].min() < 0
    assert np.array_equal(found.maps[1:], trial(name).prediction.maps[1:])
    assert len(np.unique(found.maps[1:])) > 0.5 * found.maps[1:].size or name == "anomalib-dfm"


# --- pretrained weights -----------------------------------------------------------------------
