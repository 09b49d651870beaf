import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bench.errors import MethodError
from fakes.method_samples import small_run
from methods.shared import training
from methods.shared.blocks import AutoencoderNetwork
from methods.shared.training import Player, batch_order, train


def test_every_image_is_drawn_once_before_any_is_drawn_again():
    drawn = np.concatenate(list(batch_order(10, 4, 5, seed=0)))
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))


def test_batches_are_full_also_from_few_images():
    batches = list(batch_order(2, 5, 3, seed=0))
    assert [len(one) for one in batches] == [5, 5, 5]
    assert set(np.concatenate(batches)) == {0, 1}


def test_the_order_follows_from_the_seed():
    first, again, other = (
        np.concatenate(list(batch_order(50, 8, 6, seed=seed))) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_images_are_refused():
    with pytest.raises(MethodError, match="no normal images"):
        next(batch_order(0, 4, 1, seed=0))


def trained(folder, steps=8, **more):
    torch.manual_seed(0)
    images = np.random.default_rng(0).random((6, 1, 16, 16), dtype=np.float32)
    network = AutoencoderNetwork(1, 4, 2)

    def loss(step):
        return F.l1_loss(network(step.batch["images"]), step.batch["images"])

    run = small_run(folder, batch=4, **more)
    player = Player("reconstruction", network, loss, 1e-2)
    losses = train([player], {"images": images}, run, steps=steps, note="train")
    return network, losses


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first, again = (trained(tmp_path)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_loss_falls(tmp_path):
    _, early = trained(tmp_path, steps=1)
    network, late = trained(tmp_path, steps=80)
    assert late["reconstruction"] < 0.6 * early["reconstruction"]
    assert not network.training


def test_progress_reaches_the_end(tmp_path):
    seen = []
    trained(tmp_path, steps=7, progress=lambda *step: seen.append(step))
    assert seen == [(done, 7, "train") for done in range(1, 8)]


def test_the_loss_is_logged_twenty_times(tmp_path):
    seen = []
    _, last = trained(tmp_path, steps=40, log_values=lambda *values: seen.append(values))
    assert [step for _, step in seen] == [*range(2, 41, 2)]
    assert seen[-1][0] == {"loss": last["reconstruction"]}


class Constant(nn.Module):
    """One number to learn."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(1))


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path):
    network = Constant()
    player = Player("odd", network, lambda step: (network.value / 0).sum(), 1e-2)
    arrays = {"images": np.zeros((4, 1, 8, 8), dtype=np.float32)}
    with pytest.raises(MethodError, match=r"diverged: at step 1 of 3 .* nan"):
        train([player], arrays, small_run(tmp_path), steps=3, note="train")


def test_players_take_turns_and_see_what_earlier_ones_left(tmp_path):
    one, two = Constant(), Constant()
    turns = []

    def first(step):
        turns.append("first")
        step.batch["left"] = one.value.detach() + 5
        return (one.value - 1).square().sum()

    def second(step):
        turns.append("second")
        return (two.value - step.batch["left"]).square().sum()

    players = [Player("first", one, first, 0.1), Player("second", two, second, 0.1)]
    arrays = {"images": np.zeros((4, 1, 8, 8), dtype=np.float32)}
    losses = train(players, arrays, small_run(tmp_path), steps=3, note="train")
    assert turns == ["first", "second"] * 3
    assert list(losses) == ["first", "second"]
    assert one.value.item() > 0
    assert two.value.item() > 0


class OnlyRows:
    """Refuses to be read other than by a few rows, as memory that must stay flat would."""

    def __init__(self, array, most):
        self._array, self._most = array, most

    def __len__(self):
        return len(self._array)

    def __getitem__(self, rows):
        assert len(rows) <= self._most
        return self._array[rows]


def test_only_the_rows_of_a_batch_are_read(tmp_path):
    network = Constant()
    arrays = {"images": OnlyRows(np.zeros((100, 1, 8, 8), dtype=np.float32), most=4)}
    player = Player("one", network, lambda step: network.value.square().sum(), 0.1)
    train([player], arrays, small_run(tmp_path, batch=4), steps=5, note="train")


def test_data_that_stay_on_the_device_train_the_same(tmp_path, monkeypatch):
    plain, _ = trained(tmp_path)
    monkeypatch.setattr(training, "fits_on", lambda device, arrays: True)
    resident, _ = trained(tmp_path)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, resident.state_dict()[name])


@pytest.mark.parametrize(("size", "fits"), [(499, True), (500, True), (501, False)])
def test_half_of_the_free_memory_of_a_gpu_is_for_data(monkeypatch, size, fits):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    arrays = {"images": np.zeros(size - 9, dtype=np.int8), "masks": np.zeros(9, dtype=bool)}
    assert training.fits_on(torch.device("cuda"), arrays) == fits
    assert not training.fits_on(torch.device("cpu"), arrays)
