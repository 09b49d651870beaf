"""The denoising autoencoder: its noise and its targets."""

import numpy as np
import pytest
import torch
from torch import nn

from bench import registry
from bench.execution import seeding
from fakes.method_samples import ellipse, normal_images, small_run
from methods.autoencoders import dae
from methods.autoencoders.dae import DenoisingAutoencoder
from methods.shared.noise import coarse_noise
from methods.shared.training import Step

CONFIG = registry.method("dae").config


def noise(height, width, cells, *, count=40, channels=1, sd=0.2):
    torch.manual_seed(0)
    images = torch.zeros(count, channels, height, width)
    masks = torch.ones(count, height, width, dtype=torch.bool)
    return coarse_noise(images, masks, sd, cells).numpy()


def likeness(first, second):
    return np.corrcoef(first.ravel(), second.ravel())[0, 1]


@pytest.mark.parametrize("cells", [8, 16])
def test_noise_is_as_coarse_as_stated(cells):
    field, cell = noise(64, 64, cells), 64 // cells
    assert likeness(field[..., :-1], field[..., 1:]) > 0.75
    assert likeness(field[..., :-cell], field[..., cell:]) < 0.5
    # Bilinear weights reach one cell to each side: two cells apart nothing is shared.
    assert abs(likeness(field[..., : -2 * cell], field[..., 2 * cell :])) < 0.1


def test_noise_is_linear_within_a_cell():
    """Eight pixels a cell: second differences vanish but at each cell's one or two joints."""
    field = noise(64, 64, 8, count=1)[0, 0]
    bends = np.abs(np.diff(field, n=2, axis=1)) > 1e-6
    assert 7 <= bends.any(axis=0).sum() <= 2 * 9


def test_as_many_cells_as_pixels_is_noise_per_pixel():
    field = noise(32, 32, 32)
    assert abs(likeness(field[..., :-1], field[..., 1:])) < 0.05
    assert field.std() == pytest.approx(0.2, rel=0.02)


def test_noise_of_an_oblong_image_has_square_cells():
    field = noise(32, 64, 8)
    down, across = (np.diff(field, axis=axis).std() for axis in (-2, -1))
    assert down == pytest.approx(across, rel=0.1)


def test_noise_stays_in_the_foreground():
    masks = torch.from_numpy(np.stack([ellipse(32), np.zeros((32, 32), dtype=bool)]))
    field = coarse_noise(torch.zeros(2, 3, 32, 32), masks, 0.2, 8)
    outside = ~masks[:, None].expand_as(field)
    assert not field[outside].any()
    assert field[0][:, masks[0]].std() > 0.05


def test_noise_differs_between_images_channels_and_steps():
    field = noise(32, 32, 8, count=2, channels=2).reshape(4, -1)
    again = coarse_noise(torch.zeros(4, 1, 32, 32), torch.ones(4, 32, 32).bool(), 0.2, 8)
    together = np.corrcoef(np.concatenate([field, again.reshape(4, -1).numpy()]))
    assert np.abs(together - np.eye(8)).max() < 0.5


def test_joints_move_about():
    """Without the random shift some pixels would always lie on a joint."""
    torch.manual_seed(0)
    images, masks = torch.zeros(1, 1, 32, 32), torch.ones(1, 32, 32, dtype=torch.bool)
    first = [coarse_noise(images, masks, 1.0, 2)[0, 0, 0].numpy() for _ in range(30)]
    bends = {int(np.abs(np.diff(row, n=2)).argmax()) for row in first}
    assert len(bends) > 8


def test_the_target_is_the_image_as_it_was(tmp_path, monkeypatch):
    """A network that changes nothing is off by the noise, and the batch stays as it was."""
    seen = []
    monkeypatch.setattr(dae, "train", lambda players, *rest, **more: seen.append(players[0]))
    monkeypatch.setattr(DenoisingAutoencoder, "_build", lambda self, shape: nn.Identity())
    normal = normal_images()
    DenoisingAutoencoder(CONFIG).fit(normal, small_run(tmp_path))
    images, masks = torch.from_numpy(normal.images), torch.from_numpy(normal.masks)
    step = Step(0.0, {"images": images.clone(), "masks": masks.clone()})
    torch.manual_seed(0)
    loss = seen[0].loss(step)
    torch.manual_seed(0)
    expected = coarse_noise(images, masks, CONFIG["noise_sd"], CONFIG["noise_cells"])
    assert loss.item() == pytest.approx(expected.square().mean().item(), rel=1e-5)
    assert loss.item() > 0
    assert torch.equal(step.batch["images"], images)
    assert torch.equal(step.batch["masks"], masks)


def test_it_learns_to_take_noise_away(tmp_path):
    normal = normal_images(count=4)
    seeding.seed_everything(0, threads=1, device="cpu")
    detector = DenoisingAutoencoder(CONFIG | {"noise_cells": 32, "noise_sd": 0.5})
    detector.fit(normal, small_run(tmp_path, steps=120, width=8))
    images, masks = torch.from_numpy(normal.images), torch.from_numpy(normal.masks)
    added = coarse_noise(images, masks, 0.5, 32)
    with torch.no_grad():
        left = detector._network(images + added) - images
    assert left.square().mean() < 0.4 * added.square().mean()
