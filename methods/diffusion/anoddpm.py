"""AnoDDPM: an image is noised part of the way and comes back as a normal one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet
from monai.networks.schedulers.ddim import DDIMScheduler
from torch import Tensor, nn

from bench.detector import BoolArray, FloatArray, NormalImages, Run
from methods.diffusion.settings import AnoddpmSettings
from methods.diffusion.simplex import simplex_field
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train

LEVELS = 4
PATCH = 2
BANK = 128


class Denoiser(nn.Module):
    """MONAI's diffusion U-Net on patches of 2 x 2 pixels, for any image size.

    A pixel's four values become channels, so that the network works at half the resolution:
    a fourth of the cost.

    Shape: noisy images (B, C, H, W) and steps (B,) to the noise (B, C, H, W).

    Args:
        channels: of the images.
        width: channels of the first level; 2, 4 and 4 times that in the next ones.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.unet = DiffusionModelUNet(
            spatial_dims=2,
            in_channels=channels * PATCH**2,
            out_channels=channels * PATCH**2,
            num_res_blocks=1,
            channels=(width, 2 * width, 4 * width, 4 * width),
            attention_levels=(False,) * LEVELS,
            norm_num_groups=int(np.gcd(8, width)),
            num_head_channels=2 * width,
        )

    def forward(self, noisy: Tensor, times: Tensor) -> Tensor:
        """Estimate the noise in images at steps counted from 0."""
        rows, columns = noisy.shape[-2:]
        whole = PATCH * 2 ** (LEVELS - 1)
        padding = (0, -columns % whole, 0, -rows % whole)
        patches = F.pixel_unshuffle(F.pad(noisy, padding, mode="replicate"), PATCH)
        noise = F.pixel_shuffle(self.unet(patches, times), PATCH)
        return noise[..., :rows, :columns]


class Anoddpm(Reconstruction[Denoiser]):
    """Noises an image part of the way, with simplex noise, and lets a network take it back.

    The network knows normal images only, so an anomaly that the noise covers comes back as
    normal tissue. The map is the residual (see `residual_map`), the score the mean of its size
    over the foreground. The noise follows from the seed and the image's bytes: an image gets the
    same map wherever it stands.

    Source: Wyatt et al. 2022, "AnoDDPM: anomaly detection with denoising diffusion
    probabilistic models using simplex noise". Stated there: the noise and its octaves, a
    quarter of 1000 steps, the squared loss on the noise, the squared residual. Chosen here:
    by default an eighth of them, a small network on 2 x 2 patches, training on the steps that
    are used, few steps back without new noise (DDIM), the mean of a few reconstructions, noise
    of variance 1, and by default the residual that all methods here share in place of the
    squared one.

    Args:
        config: `AnoddpmSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = AnoddpmSettings.model_validate(dict(config))
        self._scheduler = scheduler(self._settings)
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> Denoiser:
        return Denoiser(shape["channels"], shape["width"]).eval()

    def _train(self, network: Denoiser, normal: NormalImages, run: Run) -> None:
        self._shape["seed"] = run.seed  # of the noise in `predict`, so it is saved too
        generator = np.random.default_rng(run.seed)
        bank = NoiseBank(list(normal.images.shape[2:]), self._settings, generator)

        def loss(step: Step) -> Tensor:
            images = scaled(step.batch["images"])
            noise = bank.draw(images)
            drawn = generator.integers(max(1, self._settings.depth), size=len(images))
            times = torch.from_numpy(drawn).to(images.device)
            noisy = self._scheduler.add_noise(images, noise, times)
            return F.mse_loss(network(noisy, times), noise)

        rate = self._settings.learning_rate
        player = Player("noise", network, loss, rate, generators=(generator,))
        train([player], {"images": normal.images}, run, steps=run.budget.steps, note="train")

    def _rebuild(self, network: Denoiser, images: Tensor, masks: BoolArray) -> Rebuilt:
        noise = torch.from_numpy(np.stack([self._noise(one) for one in images.cpu().numpy()]))
        return Rebuilt(rebuild(network, self._scheduler, images, noise, self._settings))

    def _noise(self, image: FloatArray) -> FloatArray:
        return image_noise(image, self._shape["seed"], self._settings)


class NoiseBank:
    """Fields of simplex noise, made once, from which every training step cuts its own.

    Making a field takes longer than a GPU takes for an image. Cutting at random places, with
    random mirroring and sign, leaves the statistics as they are.

    Args:
        size: rows and columns of the images in pixels.
        settings: of the noise.
        generator: where randomness comes from, now and in `draw`.
    """

    def __init__(
        self, size: list[int], settings: AnoddpmSettings, generator: np.random.Generator
    ) -> None:
        self._generator = generator
        rows, columns = (side + side // 2 for side in size)
        coarsest = settings.coarsest * max(size)
        fields = [_field(rows, columns, coarsest, settings, generator) for _ in range(BANK)]
        self._fields = torch.from_numpy(np.stack(fields))

    def draw(self, images: Tensor) -> Tensor:
        """Noise of the form and on the device of (B, C, H, W) images."""
        count, channels, rows, columns = images.shape
        random = self._generator
        top = int(random.integers(self._fields.shape[-2] - rows + 1))
        left = int(random.integers(self._fields.shape[-1] - columns + 1))
        chosen = torch.from_numpy(random.integers(len(self._fields), size=(count, channels)))
        noise = self._fields[chosen, top : top + rows, left : left + columns]
        mirrored = [axis for axis in (-2, -1) if random.random() < 0.5]
        sign = torch.from_numpy(random.choice([-1.0, 1.0], size=(count, channels, 1, 1)))
        return (noise.flip(mirrored) * sign).to(images)


def image_noise(image: FloatArray, seed: int, settings: AnoddpmSettings) -> FloatArray:
    """The noise that an image gets when it is judged: from its bytes and the seed alone.

    Args:
        image: (C, H, W) float32.
        seed: of the run.
        settings: of the noise.

    Returns:
        (draws, C, H, W) float32; each draw and channel has a field of its own.
    """
    digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
    generator = np.random.default_rng([seed, *np.frombuffer(digest, dtype="<u4").tolist()])
    channels, rows, columns = image.shape
    coarsest = settings.coarsest * max(rows, columns)
    fields = [
        _field(rows, columns, coarsest, settings, generator)
        for _ in range(settings.draws * channels)
    ]
    return np.stack(fields).reshape(settings.draws, channels, rows, columns)


def _field(
    rows: int,
    columns: int,
    coarsest: float,
    settings: AnoddpmSettings,
    generator: np.random.Generator,
) -> FloatArray:
    return simplex_field(
        rows,
        columns,
        coarsest=coarsest,
        octaves=settings.octaves,
        persistence=settings.persistence,
        generator=generator,
    )


def scheduler(settings: AnoddpmSettings) -> DDIMScheduler:
    """MONAI's DDIM scheduler for steps of ``settings.stride``; x0 is not clipped."""
    made = DDIMScheduler(settings.noising_steps, "linear_beta", clip_sample=False)
    # MONAI goes back by noising_steps // this number, whatever its own `timesteps` say; those
    # are spaced otherwise, so `rebuild` counts for itself.
    made.set_timesteps(settings.noising_steps // settings.stride)
    return made


def rebuild(
    network: nn.Module,
    steps: DDIMScheduler,
    images: Tensor,
    noise: Tensor,
    settings: AnoddpmSettings,
) -> Tensor:
    """Noise images ``settings.depth`` steps deep and take the noise back.

    Args:
        network: estimates noise, as `Denoiser`.
        steps: from `scheduler`.
        images: (B, C, H, W) float32.
        noise: (B, draws, C, H, W) float32, on any device.
        settings: how deep and with what stride.

    Returns:
        (B, C, H, W) float32, mean over the draws; the images themselves where the depth is 0.
    """
    if settings.depth == 0:
        return images
    draws = noise.shape[1]
    last = settings.depth - 1
    clean = scaled(images).repeat_interleave(draws, dim=0)
    x = steps.add_noise(clean, noise.flatten(0, 1).to(images), torch.tensor([last]))
    for time in range(last, -1, -settings.stride):
        times = torch.full((len(x),), time, device=x.device)
        x, _ = steps.step(network(x, times), time, x)
    mean: Tensor = x.reshape(-1, draws, *x.shape[1:]).mean(dim=1)
    return (mean + 1) / 2


def scaled(images: Tensor) -> Tensor:
    """From about 0 to 1 to about -1 to 1, the range for which the schedule is made."""
    return 2 * images - 1
