"""A small convolutional encoder that gives local features, trained without labels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import Images, NormalImages, Run
from methods.features.grid import foreground_cells
from methods.features.settings import EncoderSettings
from methods.shared.blocks import placed
from methods.shared.inference import batches
from methods.shared.training import Player, Step, train

EMBEDDING = 64  # dimensions in which views are compared
PLACES = 2048  # per step and level
LARGEST_GRID = 56  # cells along a side, as in PaDiM
READ_AT_ONCE = 64
SMALLEST_SCALE = 1e-6  # features of constant images must not divide by 0


class Level(nn.Sequential):
    """Halve, rounding up, and convolve once more.

    Batch normalisation: once trained it is a constant per channel. Group normalisation would
    take its statistics from the whole image, and a lesion would change all features.

    Shape: (B, inputs, H, W) to (B, outputs, H / 2, W / 2).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )


class LocalEncoder(nn.Module):
    """Features at several resolutions, and all of them on one grid.

    A subclass says in `forward` what its levels are, the finest first.

    Args:
        outputs: channels of each level.
    """

    def __init__(self, outputs: list[int]) -> None:
        super().__init__()
        self.outputs = outputs
        self.count = sum(outputs)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(self.count))
        self.register_buffer("scale", torch.ones(()))

    def local(self, images: Tensor) -> Tensor:
        """All levels on one grid: each averaged over 3 x 3 cells, resized, and put together.

        The grid is that of the first level, at most 56 cells along a side. After `draw` the
        features of normal images have mean 0 and, averaged over features, variance 1.

        Args:
            images: (B, C, H, W).

        Returns:
            (B, count, h, w).

        Source: the locally aware features of Roth et al. 2022, section 3.1.
        """
        found = self(images)
        rows, columns = (min(side, LARGEST_GRID) for side in found[0].shape[-2:])
        averaged = [F.avg_pool2d(one, 3, 1, 1, count_include_pad=False) for one in found]
        joined = torch.cat(
            [
                F.adaptive_avg_pool2d(one, (rows, columns))
                if one.shape[-2] >= rows
                else F.interpolate(one, (rows, columns), mode="bilinear")
                for one in averaged
            ],
            dim=1,
        )
        standard: Tensor = (joined - self.mean[:, None, None]) / self.scale
        return standard


class FeatureEncoder(LocalEncoder):
    """A small encoder that is trained on the normal images.

    Args:
        channels: of the image.
        width: channels of the first level; each next one has twice as many.
        levels: halvings.
    """

    def __init__(self, channels: int, width: int, levels: int) -> None:
        super().__init__([width * 2**level for level in range(levels)])
        self.levels = nn.ModuleList([Level(a, b) for a, b in pairwise([channels, *self.outputs])])

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, C, H, W) to one (B, width * 2**level, H / 2**(level + 1), ...) per level."""
        found = []
        for level in self.levels:
            images = level(images)
            found.append(images)
        return found


class DenseVicreg(nn.Module):
    """The task the encoder learns by: one place in two altered views has one description.

    The views keep the geometry and differ in contrast, brightness, noise and hidden squares, so
    a feature has to follow from its surroundings; only mildly in intensity, because that is what
    shows a lesion. On each level two linear layers embed the features of places drawn from the
    foreground, and the loss is VICReg's: 25 times the views' mean squared difference, 25 times
    what the standard deviation of each embedded dimension lacks to 1 (so nothing collapses),
    and the squared covariances between dimensions.

    Source: Bardes et al. 2022, VICReg (arXiv 2105.04906), its weights; per place as in VICRegL
    (arXiv 2210.01571). Chosen here: the views, 64 dimensions, 2048 places per step.

    Args:
        encoder: to be trained.
        settings: how the views are altered.
        seed: of the views.
    """

    def __init__(self, encoder: FeatureEncoder, settings: EncoderSettings, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Linear(features, EMBEDDING),
                    nn.BatchNorm1d(EMBEDDING),
                    nn.ReLU(inplace=True),
                    nn.Linear(EMBEDDING, EMBEDDING),
                )
                for features in encoder.outputs
            ]
        )
        self._settings = settings
        self.generator = torch.Generator().manual_seed(seed)

    def view(self, images: Tensor, masks: Tensor) -> Tensor:
        """Alter images: (B, C, H, W) float32 and their masks (B, 1, H, W) bool to (B, C, H, W)."""
        jitter, noise = self._settings.jitter, self._settings.noise
        count, device = len(images), images.device
        drawn = torch.rand(3, count, 1, 1, 1, generator=self.generator).to(device)
        contrast, brightness, strength = drawn[0], drawn[1], drawn[2]
        altered = images * (1 + jitter * (2 * contrast - 1))
        altered = altered + masks * (jitter * (brightness - 0.5))
        grain = torch.randn(images.shape, generator=self.generator).to(device)
        return (altered + noise * strength * grain) * ~self.holes(images)

    def holes(self, images: Tensor) -> Tensor:
        """Draw what is hidden: (B, 1, H, W) bool."""
        count, _, rows, columns = images.shape
        side = -(-max(rows, columns) // self._settings.mask_squares)
        shape = (count, 1, -(-rows // side), -(-columns // side))
        hidden = torch.rand(shape, generator=self.generator) < self._settings.mask_ratio
        squares = hidden.repeat_interleave(side, dim=2).repeat_interleave(side, dim=3)
        return squares[..., :rows, :columns].to(images.device)

    def loss(self, step: Step) -> Tensor:
        """Mean over levels of `vicreg` between the views' embedded places."""
        images, masks = step.batch["images"], step.batch["masks"][:, None]
        views = torch.cat([self.view(images, masks), self.view(images, masks)])
        levels = []
        for found, head in zip(self.encoder(views), self.heads, strict=True):
            places = self._places(masks, *found.shape[-2:])
            first, second = found.permute(0, 2, 3, 1).chunk(2)
            embedded = head(torch.cat([first[places], second[places]]))
            levels.append(vicreg(*embedded.float().chunk(2)))
        return torch.stack(levels).mean()

    def _places(self, masks: Tensor, rows: int, columns: int) -> tuple[Tensor, ...]:
        cells = F.adaptive_max_pool2d(masks.float(), (rows, columns))[:, 0] > 0
        inside = (cells if cells.any() else torch.ones_like(cells)).nonzero()
        drawn = torch.randperm(len(inside), generator=self.generator)[:PLACES]
        return inside[drawn.to(inside.device)].unbind(dim=1)


def vicreg(first: Tensor, second: Tensor) -> Tensor:
    """Variance, invariance and covariance of two views' embeddings, both (N, D) float32."""
    total = 25 * F.mse_loss(first, second)
    for one in (first, second):
        centred = one - one.mean(dim=0)
        covariance = centred.T @ centred / max(1, len(one) - 1)
        variance = covariance.diagonal()
        total = total + 12.5 * F.relu(1 - (variance + 1e-4).sqrt()).mean()
        total = total + (covariance.square().sum() - variance.square().sum()) / len(variance)
    return total


def pretrain(normal: NormalImages, run: Run, settings: EncoderSettings) -> FeatureEncoder:
    """Train an encoder for ``budget.steps`` steps at ``budget.width``; in eval mode."""
    channels = normal.images.shape[1]
    encoder = FeatureEncoder(channels, run.budget.width, settings.levels)
    task = DenseVicreg(encoder, settings, run.seed)
    player = Player(
        "agreement", task, task.loss, settings.learning_rate, generators=(task.generator,)
    )
    arrays = {"images": normal.images, "masks": normal.masks}
    train([player], arrays, run, steps=run.budget.steps, note="encoder")
    return encoder


def draw(encoder: LocalEncoder, normal: NormalImages, run: Run, count: int) -> Tensor:
    """Draw features of foreground cells evenly from the images, and standardise the encoder.

    One number scales all features: what hardly varies stays small. (Each feature with its own
    variance found fewer lesions.)

    Args:
        encoder: trained; its mean and scale are set.
        normal: at most `count` of the images are read.
        run: its seed decides what is drawn.
        count: how many features at most.

    Returns:
        (M, D) float32 on the CPU, standardised.
    """
    generator = np.random.default_rng([run.seed, len(normal)])
    chosen = np.sort(generator.permutation(len(normal))[:count])
    share = -(-count // len(chosen))
    drawn = []
    for done, (found, cells) in enumerate(features_of(encoder, normal, chosen, run.device)):
        run.progress(done, len(chosen), "features")
        inside = found[cells].cpu()
        drawn.append(inside[torch.from_numpy(generator.permutation(len(inside))[:share])])
    vectors = torch.cat(drawn)
    vectors = vectors[torch.from_numpy(np.sort(generator.permutation(len(vectors))[:count]))]
    mean = vectors.mean(dim=0)
    scale = (vectors - mean).square().mean().sqrt().clamp_min(SMALLEST_SCALE)
    encoder.mean.copy_(mean)
    encoder.scale.copy_(scale)
    return (vectors - mean) / scale


def features_of(
    encoder: LocalEncoder, normal: NormalImages, chosen: npt.NDArray[np.int64], device: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """`local_features` of chosen images, read a few at a time."""
    for start in range(0, len(chosen), READ_AT_ONCE):
        rows = chosen[start : start + READ_AT_ONCE]
        yield from local_features(encoder, Images(normal.images[rows], normal.masks[rows], device))


def local_features(encoder: LocalEncoder, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
    """The features of each image in turn, on a CPU computed one image at a time.

    Yields:
        Features of all cells (h, w, D) float32 and which cells are foreground (h, w) bool,
        both on the images' device.
    """
    placed(encoder, images.device)
    for where, batch in batches(images):
        with torch.no_grad():
            features = encoder.local(batch)
        for i, found in enumerate(features, start=where.start):
            cells = foreground_cells(images.masks[i], *found.shape[-2:])
            yield found.permute(1, 2, 0), cells.to(images.device)
