"""A training that was stopped in the middle goes on and ends with the same bytes."""

import logging

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench.errors import MethodError
from bench.execution.checkpoints import FitCheckpoints
from fakes.method_samples import small_run
from methods.shared.training import Player, train

LOG = logging.getLogger("test")


class Stop(BaseException):
    """What a kill is to a fit."""


class Network(nn.Module):
    """Has all that a state consists of: weights, statistics of batches, dropout."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout(0.2),
            nn.Conv2d(4, 1, 3, padding=1))  # fmt: skip

    def forward(self, images):
        return self.layers(images)


def checkpoints(folder, *, since=None, **made_with):
    return FitCheckpoints(folder, made_with=made_with, log=LOG, since=since)


def fit(folder, *, stop_at=None, steps=13, kept="kept"):
    """Train two players in turn; every source of randomness is drawn from."""
    torch.manual_seed(0)
    np.random.seed(0)
    images = np.random.default_rng(0).random((6, 1, 16, 16), dtype=np.float32)
    first, second = Network(), Network()
    own, other = np.random.default_rng(1), torch.Generator().manual_seed(1)
    number = 0

    def one(step):
        nonlocal number
        number += 1
        if stop_at == number:
            raise Stop
        batch = step.batch["images"]
        noise = torch.from_numpy(own.normal(0, 0.1, batch.shape)).float()
        noise = noise + torch.randn_like(batch) * float(np.random.rand())
        step.batch["rebuilt"] = first(batch + noise).detach()
        return F.mse_loss(first(batch + noise), batch)

    def two(step):
        shift = torch.rand(1, generator=other)
        return F.l1_loss(second(step.batch["rebuilt"]) + shift, step.batch["images"])

    run = small_run(folder, batch=4, checkpoints=checkpoints(folder / kept))
    players = [Player("one", first, one, 1e-2, generators=(own,)),
               Player("two", second, two, 1e-3, (0.5, 0.9), generators=(other,))]  # fmt: skip
    losses = train(players, {"images": images}, run, steps=steps, note="both of them")
    after = (torch.rand(()), np.random.rand(), own.random(), torch.rand((), generator=other))
    return {**_named(first, 1), **_named(second, 2)}, losses, [float(one) for one in after]


def _named(network, number):
    return {f"{number}.{name}": value for name, value in network.state_dict().items()}


@pytest.mark.parametrize(("every", "stop_at"), [("1", 2), ("1", 7), ("5", 8), ("5", 13)])
def test_a_stopped_training_ends_like_an_undisturbed_one(tmp_path, monkeypatch, every, stop_at):
    monkeypatch.setenv("BENCH_CHECKPOINT_STEPS", every)
    whole, losses, after = fit(tmp_path, kept="other")
    with pytest.raises(Stop):
        fit(tmp_path, stop_at=stop_at)
    again, losses_again, after_again = fit(tmp_path)
    assert losses == losses_again
    assert after == after_again
    for name, value in whole.items():
        assert torch.equal(value, again[name]), name


def test_only_the_steps_after_the_checkpoint_are_done_again(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CHECKPOINT_STEPS", "5")
    with pytest.raises(Stop):
        fit(tmp_path, stop_at=8)
    # Five steps of thirteen are done: the ninth loss of the second attempt is never computed.
    fit(tmp_path, stop_at=9)
    with pytest.raises(Stop):
        fit(tmp_path, kept="other", stop_at=9)


def test_a_training_that_had_ended_is_not_repeated(tmp_path):
    whole, losses, after = fit(tmp_path)
    again, losses_again, after_again = fit(tmp_path, stop_at=1)
    assert losses == losses_again
    assert after == after_again
    assert all(torch.equal(value, again[name]) for name, value in whole.items())


def test_two_trainings_of_one_name_are_refused(tmp_path):
    kept = checkpoints(tmp_path / "kept")
    kept.read("train")
    with pytest.raises(MethodError, match="two stages with the name 'train'"):
        kept.read("train")
