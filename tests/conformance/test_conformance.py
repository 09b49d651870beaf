"""Every method card against every contract (`bench.conformance.contracts`)."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import registry
from bench.cards import MethodCard
from bench.conformance.contracts import CHECKS
from bench.conformance.trial import Trial, channel_counts
from bench.detector import Detector, Images, NormalImages, Prediction, Run, Skip
from bench.errors import MethodError, MissingExtra
from conftest import skip_or_fail

CASES = [
    (name, channels)
    for name, card in registry.load_methods().items()
    for channels in channel_counts(card)
    if "anomalib" not in card.extras  # tests/methods/test_anomalib_models.py, in its environment
]


# Methods that train nothing step by step: a fit that was killed is repeated from its beginning.
BEGIN_AGAIN = {
    "area", "constant", "equalized", "gaussian", "intensity", "knn-patches", "padim", "patchcore",
    "pca", "position", "random", "statistics",
}  # fmt: skip


@pytest.fixture(scope="module")
def trials() -> dict[tuple[str, int], Trial]:
    """Trials by method and channels, so that each method is fitted once for all checks."""
    return {}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("name", "channels"), CASES, ids=lambda value: str(value))
def test_contract(name, channels, check, trials, caplog):
    card = registry.method(name)
    if (name, channels) not in trials:
        try:
            build = registry.load_class(card)
        except MissingExtra as missing:
            skip_or_fail(f"{missing}; {missing.hint}")
        trials[name, channels] = Trial(card, build, registry.resolve_config(card, {}), channels)
    try:
        with caplog.at_level(logging.INFO, "bench.conformance"):
            CHECKS[check](trials[name, channels])
    except Skip as reason:
        pytest.skip(str(reason))
    if check == "resuming":
        assert ("goes on from the checkpoint" in caplog.text) == (name not in BEGIN_AGAIN)


@pytest.mark.parametrize("name", registry.load_methods())
def test_a_card_lists_every_setting_of_its_schema(name):
    card = registry.method(name)
    if card.config_schema is None:
        assert card.config == {}
        return
    module, model = card.config_schema.split(":")
    fields = getattr(__import__(module, fromlist=[model]), model).model_fields
    assert set(card.config) == set(fields)
    registry.resolve_config(card, {})


# --- the checks themselves: each must catch what it is there for ----------------------------


class Honest:
    """A detector that keeps all contracts; the broken ones change one thing."""

    def __init__(self, config):
        self.bias = 0.0

    def fit(self, normal: NormalImages, run: Run) -> None:
        self.bias = float(normal.images.mean())

    def predict(self, images: Images) -> Prediction:
        maps = np.abs(images.images.mean(axis=1) - np.float32(self.bias))
        scores = np.array([one.mean(dtype=np.float64) for one in maps], dtype=np.float32)
        return Prediction(maps, scores)

    def save(self, folder: Path) -> None:
        (folder / "bias.json").write_text(json.dumps(self.bias))

    def load(self, folder: Path) -> None:
        self.bias = json.loads((folder / "bias.json").read_text())


class NotFinite(Honest):
    def predict(self, images):
        found = super().predict(images)
        return Prediction(np.full_like(found.maps, np.nan), found.scores)


class ReadsUnwritten(Honest):
    def predict(self, images):
        found = super().predict(images)
        return Prediction(found.maps + torch.empty(1).numpy(), found.scores)


class NoMaps(Honest):
    def predict(self, images):
        return Prediction(None, super().predict(images).scores)


class GivesATuple(Honest):
    def predict(self, images):
        found = super().predict(images)
        return found.maps, found.scores


class GivesLists(Honest):
    def predict(self, images):
        found = super().predict(images)
        return Prediction(found.maps, found.scores.tolist())


class SignsLater(Honest):
    def fit(self, normal, run):
        super().fit(normal, run)
        self.asked = 0

    def predict(self, images):
        self.asked += 1
        found = super().predict(images)
        return Prediction(found.maps, found.scores, signed=self.asked > 2)


class Unseeded(Honest):
    def fit(self, normal, run):
        self.bias = float(np.random.default_rng().random())


class SeedDependent(Honest):
    def fit(self, normal, run):
        self.bias = float(run.seed)


class Pickler(Honest):
    def save(self, folder):
        super().save(folder)
        (folder / "state.pkl").write_bytes(b"")


class ObjectArrays(Honest):
    def save(self, folder):
        super().save(folder)
        np.savez(folder / "state.npz", state=np.array([{}], dtype=object))


class Forgetful(Honest):
    def load(self, folder):
        self.bias = -1.0


class BatchScaled(Honest):
    def predict(self, images):
        found = super().predict(images)
        return Prediction(found.maps / found.maps.max(), found.scores)


class PositionDependent(Honest):
    def predict(self, images):
        found = super().predict(images)
        return Prediction(found.maps, found.scores + np.arange(len(images), dtype=np.float32))


class Scribbler(Honest):
    def predict(self, images):
        found = super().predict(images)
        if images.images.flags.writeable:
            images.images[:] = 0
        return found


class Drifting(Honest):
    def predict(self, images):
        self.bias += 1
        return super().predict(images)


class Dividing(Honest):
    def predict(self, images):
        found = super().predict(images)
        spread = images.images.std(axis=(1, 2, 3))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Prediction(found.maps, found.scores / spread)


class NeedsTwo(Honest):
    def fit(self, normal, run):
        with np.errstate(invalid="ignore", divide="ignore"):
            self.bias = float(np.float64(0) / (len(normal) - 1))


class Cropping(Honest):
    def predict(self, images):
        found = super().predict(images)
        side = images.images.shape[-1] // 2 * 2
        return Prediction(found.maps[:, :side, :side], found.scores)


class Explaining(Honest):
    def explain(self, images):
        return {"itself": images.images, "mean": images.images.mean(axis=1, keepdims=True)}


class ExplainsNothing(Honest):
    def explain(self, images):
        return {}


class ExplainsTooLittle(Honest):
    def explain(self, images):
        return {"itself": images.images[:1]}


class ExplainsFlat(Honest):
    def explain(self, images):
        return {"mean": images.images.mean(axis=1)}


class ExplainsNotFinite(Honest):
    def explain(self, images):
        return {"itself": np.full_like(images.images, np.inf)}


class Remembering(Honest):
    """Trains for steps, keeps how far it is, and forgets a part of it."""

    forgets = True

    def fit(self, normal, run):
        kept = None if run.checkpoints is None else run.checkpoints.read("train")
        step, self.bias, extra = json.loads((kept / "x.json").read_text()) if kept else (0, 0, 0)
        if self.forgets:
            extra = 0
        for number in range(step, run.budget.steps):
            extra += 1
            self.bias += extra
            if run.checkpoints is not None and run.checkpoints.due():
                state = json.dumps([number + 1, self.bias, extra])
                run.checkpoints.write(
                    "train", lambda at, text=state: (at / "x.json").write_text(text)
                )


class RemembersAll(Remembering):
    forgets = False


class NeverGetsOn(Honest):
    def fit(self, normal, run):
        super().fit(normal, run)
        if run.checkpoints is not None:
            run.checkpoints.write("train", lambda at: (at / "x.json").write_text("1"))


class Rebuilding(Honest):
    def reconstructions(self, images):
        return np.zeros_like(images.images)


class RebuildsOneChannel(Honest):
    def reconstructions(self, images):
        return images.images.mean(axis=1)


class RebuildsNotFinite(Honest):
    def reconstructions(self, images):
        return np.full_like(images.images, np.nan)


BROKEN: list[tuple[type[Detector], str]] = [
    (NotFinite, "form"),
    (NoMaps, "form"),
    (ReadsUnwritten, "form"),
    (GivesATuple, "form"),
    (GivesLists, "form"),
    (SignsLater, "untouched"),
    (Unseeded, "repeatable"),
    (SeedDependent, "deterministic"),
    (Pickler, "saving"),
    (ObjectArrays, "saving"),
    (Forgetful, "saving"),
    (PositionDependent, "order"),
    (BatchScaled, "batching"),
    (Scribbler, "untouched"),
    (Drifting, "untouched"),
    (Dividing, "odd-images"),
    (NeedsTwo, "few-images"),
    (Cropping, "any-size"),
    (ExplainsNothing, "explain"),
    (ExplainsTooLittle, "explain"),
    (ExplainsFlat, "explain"),
    (ExplainsNotFinite, "explain"),
    (Remembering, "resuming"),
    (NeverGetsOn, "resuming"),
    (RebuildsOneChannel, "reconstructions"),
    (RebuildsNotFinite, "reconstructions"),
]


def fake_card(**changes) -> MethodCard:
    values = {
        "name": "fake",
        "title": "Fake",
        "class": "tests.fake:Fake",
        "version": 1,
        "family": "trivial",
        "description": "for this test",
        "deterministic": True,
    }
    return MethodCard.model_validate(values | changes)


@pytest.mark.parametrize("honest", [Honest, Explaining, RemembersAll, Rebuilding])
def test_an_honest_detector_keeps_all_contracts(honest):
    trial = Trial(fake_card(), honest, {})
    for check in CHECKS.values():
        check(trial)


@pytest.mark.parametrize(("fake", "check"), BROKEN)
def test_a_broken_contract_is_caught(fake, check):
    with pytest.raises(MethodError, match="fake breaks the contract"):
        CHECKS[check](Trial(fake_card(), fake, {}))


def test_on_a_gpu_the_same_means_close():
    one = np.array([0.0, 0.5, 1.0], dtype=np.float32)
    here, there = Trial(fake_card(), Honest, {}), Trial(fake_card(), Honest, {}, device="cuda")
    assert there.same(one, one + np.float32(0.04))
    assert not there.same(one, one + np.float32(0.06))
    assert here.same(one, one.copy())
    assert not here.same(one, np.nextafter(one, np.float32(2)))


def test_every_check_is_known_to_catch_something():
    assert {check for _, check in BROKEN} == set(CHECKS)


def test_channels_are_those_of_the_card():
    assert channel_counts(fake_card()) == [1, 3]
    assert channel_counts(fake_card(channels=[3])) == [3]
    assert channel_counts(fake_card(channels=[2])) == [2]
