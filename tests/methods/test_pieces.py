"""Batches that do not fit into memory: in pieces, with the same gradient."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench import registry
from bench.conformance.resuming import Killed, _Killing
from fakes.method_samples import normal_images, small_run
from methods.shared.blocks import AutoencoderNetwork
from methods.shared.pieces import Step, cut, halved
from methods.shared.training import Player, train

TRAINED = [name for name, card in registry.load_methods().items() if card.micro_batches]


def step(length):
    return Step(0.5, {"images": torch.arange(length), "shift": torch.tensor(3.0)})


@pytest.mark.parametrize(("length", "count", "expected"), [
    (8, 1, [8]), (8, 2, [4, 4]), (8, 4, [2, 2, 2, 2]), (5, 2, [2, 3]), (3, 8, [1, 1, 1]),
])  # fmt: skip
def test_pieces_are_the_whole_in_order(length, count, expected):
    pieces = cut(step(length), count)
    assert [len(piece) for piece in pieces] == expected
    assert torch.cat([piece.batch["images"] for piece in pieces]).tolist() == list(range(length))
    assert all(piece.batch["shift"] == 3 and piece.share == 0.5 for piece in pieces)


def test_what_one_player_left_for_the_next_is_cut_with_its_images():
    whole = step(4)
    whole.batch["made"] = 10 * whole.batch["images"]
    first, second = halved([whole])
    assert torch.equal(second.batch["made"], 10 * second.batch["images"])
    assert first.batch["made"].tolist() == [0, 10]


class Memory:
    """A device on which so many images fit at once."""

    def __init__(self, most):
        self.most, self.errors = most, 0

    def hold(self, images):
        if len(images) > self.most:
            self.errors += 1
            raise torch.OutOfMemoryError("CUDA out of memory")


def trained(folder, memory, **more):
    torch.manual_seed(0)
    images = np.random.default_rng(0).random((16, 1, 16, 16), dtype=np.float32)
    network, judge = AutoencoderNetwork(1, 4, 2), AutoencoderNetwork(1, 4, 2)

    def rebuild(step):
        rebuilt = network(step.batch["images"])
        memory.hold(rebuilt)
        step.batch["rebuilt"] = rebuilt.detach()
        return F.l1_loss(rebuilt, step.batch["images"])

    def second(step):
        return F.mse_loss(judge(step.batch["rebuilt"]), step.batch["images"])

    said = []
    run = small_run(folder, batch=8, micro_batches=True, adapted=said.append, **more)
    players = [Player("one", network, rebuild, 1e-3), Player("two", judge, second, 1e-3)]
    losses = train(players, {"images": images}, run, steps=6, note="train")
    return {**network.state_dict(prefix="1."), **judge.state_dict(prefix="2.")}, losses, said


@pytest.mark.parametrize(("most", "pieces", "errors"), [(4, 2, 1), (1, 8, 3)])
def test_pieces_give_the_gradient_of_the_whole(tmp_path, most, pieces, errors):
    whole, losses, said = trained(tmp_path, Memory(8))
    assert said == []
    memory = Memory(most)
    parts, losses_of_parts, said = trained(tmp_path, memory)
    assert said == [
        f"train: batches of 8 computed in {pieces} pieces, since the memory did not suffice"
    ]
    assert memory.errors == errors  # later steps begin with pieces that fit
    assert losses_of_parts == pytest.approx(losses, rel=1e-5)
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=1e-5), name


def test_not_even_one_image_fits(tmp_path):
    with pytest.raises(torch.OutOfMemoryError):
        trained(tmp_path, Memory(0))


def test_a_method_whose_loss_looks_at_the_whole_batch_is_not_cut(tmp_path):
    run, network, memory = small_run(tmp_path, batch=8), AutoencoderNetwork(1, 4, 2), Memory(4)
    player = Player("one", network, lambda step: memory.hold(step.batch["images"]), 1e-3)
    images = np.zeros((8, 1, 16, 16), np.float32)
    with pytest.raises(torch.OutOfMemoryError):
        train([player], {"images": images}, run, steps=1, note="x")


def test_pieces_go_on_after_a_kill(tmp_path):
    whole, _, _ = trained(tmp_path, Memory(4))
    for _ in range(20):
        try:
            parts, _, said = trained(tmp_path, Memory(4), checkpoints=_Killing(tmp_path / "kept"))
        except Killed:
            continue
        break
    assert len(said) == 1
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


@pytest.mark.parametrize("name", TRAINED)
def test_a_method_that_may_be_cut_does_not_look_at_other_images_of_the_batch(name, tmp_path):
    """The card's word is held: no layer of its networks knows the batch."""
    card = registry.method(name)
    detector = registry.load_class(card)(registry.resolve_config(card, {}))
    detector.fit(normal_images(4), small_run(tmp_path, steps=2))
    for module in detector._network.modules():
        assert not isinstance(module, torch.nn.modules.batchnorm._BatchNorm)


def test_which_methods_may_be_cut():
    assert sorted(TRAINED) == ["ae", "anoddpm", "anovaegan", "dae", "fanogan", "vae"]
