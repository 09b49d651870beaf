"""After PHANES: a coarse reconstruction finds likely anomalies, inpainting replaces them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import binary_dilation, gaussian_filter
from torch import Tensor, nn

from bench.detector import BoolArray, FloatArray, Images, NormalImages, Run
from methods.inpainting.settings import PhanesSettings
from methods.shared.blocks import Decoder, Down, Encoder, Up, level_channels, norm, placed
from methods.shared.foreground import foreground
from methods.shared.inference import batches
from methods.shared.reconstruction import Rebuilt, Reconstruction
from methods.shared.training import Player, Step, train

THRESHOLD_IMAGES = 256
COARSENESS = (3, 9)  # cells per side of the random fields that training holes are cut from


class Networks(nn.Module):
    """Both networks and the threshold, which are saved together.

    Args:
        channels: of the images.
        width: channels of the first level.
        depth: halvings of the coarse network.
    """

    threshold: Tensor

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.coarse = Coarse(channels, width, depth)
        self.inpainting = Inpainting(channels, width)
        self.register_buffer("threshold", torch.tensor(0.0))


class Coarse(nn.Module):
    """A variational autoencoder whose latent keeps its place: a distribution per position.

    Shape: (B, C, H, W) to a reconstruction of the same shape.
    """

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        deepest = level_channels(width, depth)[-1]
        self.encoder = Encoder(channels, width, depth)
        self.latent = nn.Conv2d(deepest, 2 * deepest, 1)
        self.decoder = Decoder(channels, width, depth)

    def forward(self, images: Tensor) -> Tensor:
        """Rebuild from the latent's mean."""
        mean, _ = self.latent(self.encoder(images)).chunk(2, dim=1)
        rebuilt: Tensor = self.decoder(mean, *images.shape[-2:])
        return rebuilt

    def sample(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rebuild from a draw.

        Returns:
            The reconstruction and the mean divergence of the latent from a normal distribution.
        """
        mean, log_variance = self.latent(self.encoder(images)).chunk(2, dim=1)
        log_variance = log_variance.clamp(-10, 10)
        noise = torch.randn(mean.shape, generator=generator).to(mean)
        drawn = mean + torch.exp(log_variance / 2) * noise
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).mean() / 2
        return self.decoder(drawn, *images.shape[-2:]), divergence


class Inpainting(nn.Module):
    """Fills holes from what surrounds them; dilated convolutions look far at a quarter's size.

    Shape: images (B, C, H, W) and holes (B, 1, H, W) to filled images (B, C, H, W).
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        wide = 2 * width
        self.down = nn.Sequential(
            Down(channels + 1, width, first=True),
            Down(width, wide),
        )
        self.far = nn.ModuleList([_dilated(wide, dilation) for dilation in (1, 2, 4, 8, 4, 2)])
        self.up = nn.Sequential(Up(wide, width), Up(width, width))
        self.last = nn.Conv2d(width, channels, 1)

    def forward(self, images: Tensor, holes: Tensor) -> Tensor:
        """Estimate whole images; what is in the holes is not seen."""
        rows, columns = images.shape[-2:]
        seen = images * ~holes
        padded = F.pad(torch.cat([seen, holes.to(seen)], 1), (0, -columns % 4, 0, -rows % 4))
        x = self.down(padded)
        for block in self.far:
            x = x + block(x)
        filled: Tensor = self.last(self.up(x))[..., :rows, :columns]
        return filled


def _dilated(channels: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        norm(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation),
    )


class PhanesLike(Reconstruction[Networks]):
    """Masks what a coarse reconstruction misses and refills it with pseudo-healthy tissue.

    The map is the residual between an image and its refilled form (see `residual_map`): 0
    where nothing was masked. The score is the mean of its size over the foreground.

    Source: Bercea et al. 2023, "Reversing the abnormal: pseudo-healthy generative networks for
    anomaly detection" (PHANES). Kept: a generative network for the mask, a threshold from
    healthy validation images, inpainting trained on healthy images with random masks.
    Simplified: a plain variational autoencoder with a spatial latent instead of their
    introspective one; no discriminator and no style loss in the inpainting; no perceptual
    factor (LPIPS needs a network trained elsewhere) and no histogram equalisation in the maps.

    Args:
        config: `PhanesSettings`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._settings = PhanesSettings.model_validate(dict(config))
        super().__init__(self._settings)

    def _build(self, shape: dict[str, int]) -> Networks:
        return Networks(shape["channels"], shape["width"], self._settings.depth).eval()

    def _train(self, network: Networks, normal: NormalImages, run: Run) -> None:
        """Train both networks side by side, then find the threshold on normal images."""
        settings = self._settings
        generator = torch.Generator().manual_seed(run.seed)

        def coarse_loss(step: Step) -> Tensor:
            images = step.batch["images"]
            rebuilt, divergence = network.coarse.sample(images, generator)
            total: Tensor = F.l1_loss(rebuilt, images) + settings.kl_weight * divergence
            return total

        def inpainting_loss(step: Step) -> Tensor:
            images = step.batch["images"]
            holes = random_holes(step.batch["masks"], settings.largest_hole, generator)
            wrong = (network.inpainting(images, holes) - images).abs() * holes
            mean: Tensor = wrong.sum() / (holes.sum() * images.shape[1]).clamp(min=1)
            return mean

        rate, generators = settings.learning_rate, (generator,)
        players = [
            Player("coarse", network.coarse, coarse_loss, rate, generators=generators),
            Player("inpainting", network.inpainting, inpainting_loss, rate, generators=generators),
        ]
        arrays = {"images": normal.images, "masks": normal.masks}
        train(players, arrays, run, steps=run.budget.steps, note="train")
        healthy = normal if normal.validation is None else normal.validation
        # A new tensor: on a GPU the old one was replaced when the networks were moved there.
        network.threshold = torch.tensor(self._find_threshold(healthy, run.device))

    @torch.inference_mode()
    def reconstructions(self, images: Images) -> FloatArray:
        """What the coarse network makes of the images, (N, C, H, W) float32.

        The final ones copy all but the holes, so their error would say nothing of the learning.
        """
        network = placed(self._fitted(), images.device)
        found = np.empty(images.images.shape, dtype=np.float32)
        for where, batch in batches(images):
            found[where] = network.coarse(batch).cpu().numpy()
        return found

    def _rebuild(self, network: Networks, images: Tensor, masks: BoolArray) -> Rebuilt:
        """Mask what the coarse network misses, and refill it."""
        coarse = network.coarse(images).cpu().numpy()
        triples = zip(images.cpu().numpy(), coarse, masks, strict=True)
        holes = np.stack([self._hole(self._coarse_map(*one)) & one[2] for one in triples])
        hole = torch.from_numpy(holes[:, None]).to(images.device)
        return Rebuilt(refill(network.inpainting, images, hole))

    @torch.inference_mode()
    def _find_threshold(self, healthy: NormalImages, device: str) -> float:
        """The quantile of the coarse residual over normal foreground pixels."""
        network = placed(self._fitted(), device)
        # A quantile needs no more than this; taken evenly, since slices are in order.
        step = -(-len(healthy) // THRESHOLD_IMAGES)
        chosen = Images(healthy.images[::step], healthy.masks[::step], device)
        values = []
        for where, batch in batches(chosen):
            for i, one in enumerate(network.coarse(batch).cpu().numpy(), start=where.start):
                mask = chosen.masks[i]
                values.append(foreground(self._coarse_map(chosen.images[i], one, mask), mask))
        return float(np.quantile(np.concatenate(values), self._settings.quantile))

    def _coarse_map(self, image: FloatArray, rebuilt: FloatArray, mask: BoolArray) -> FloatArray:
        difference = np.where(mask, np.abs(image - rebuilt).mean(axis=0), 0)
        return smoothed(difference, mask, self._settings.coarse_smoothing)

    def _hole(self, coarse_map: FloatArray) -> BoolArray:
        """Pixels beyond the threshold and those around them."""
        found: BoolArray = coarse_map > float(self._fitted().threshold)
        grown = round(self._settings.growth * max(found.shape))
        if grown:
            found = binary_dilation(found, iterations=grown)
        return found


def refill(network: Inpainting, images: Tensor, holes: Tensor) -> Tensor:
    """Images whose holes are filled and whose other pixels are as they were.

    Args:
        network: fills holes.
        images: (B, C, H, W) float32.
        holes: (B, 1, H, W) bool.

    Returns:
        (B, C, H, W) float32.
    """
    return torch.where(holes, network(images, holes), images)


def random_holes(masks: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Blobs within the foreground: the highest values of a smooth random field.

    Args:
        masks: (B, H, W) bool.
        largest: the share of the foreground that holes cover is uniform from 0 to this.
        generator: on the CPU, so that holes do not depend on the device.

    Returns:
        (B, 1, H, W) bool, within the masks.
    """
    count, rows, columns = masks.shape
    cells = int(torch.randint(COARSENESS[0], COARSENESS[1] + 1, (), generator=generator))
    coarse = torch.rand((count, 1, cells, cells), generator=generator)
    shares = torch.rand(count, generator=generator) * largest
    field = F.interpolate(coarse, (rows, columns), mode="bicubic").to(masks.device)
    inside = masks[:, None]
    holes = [
        one > torch.quantile(one[within], 1 - float(share)) if within.any() else within
        for one, within, share in zip(field, inside, shares, strict=True)
    ]
    return torch.stack(holes) & inside


def smoothed(scores: FloatArray, mask: BoolArray, smoothing: float) -> FloatArray:
    """Smooth a map within the foreground only, so that its rim is not dimmed.

    Args:
        scores: (H, W), 0 outside the mask.
        mask: (H, W) bool.
        smoothing: standard deviation as a share of the image's side.

    Returns:
        (H, W) float32, 0 outside the mask.
    """
    if smoothing == 0:
        return scores.astype(np.float32)
    sigma = smoothing * max(scores.shape)
    weight = gaussian_filter(mask.astype(np.float64), sigma, mode="constant")
    blurred = gaussian_filter(scores.astype(np.float64), sigma, mode="constant")
    result = np.zeros(scores.shape, dtype=np.float32)
    result[mask] = blurred[mask] / weight[mask]
    return result
