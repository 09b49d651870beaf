"""Methods that rebuild images with networks of their own; they need no pretrained weights."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import FloatArray, Images, NormalImages, Run
from methods.anomalib.adapter import Adapter, Raw, Sides
from methods.anomalib.library import (
    DiscriminativeSubNetwork,
    DiscriminatorLoss,
    DraemLoss,
    DraemModel,
    GanomalyModel,
    GeneratorLoss,
    PerlinAnomalyGenerator,
    ReconstructiveSubNetwork,
    pad_nextpow2,
)
from methods.anomalib.settings import GeneratedSettings
from methods.shared.inference import batches
from methods.shared.training import Step

BLEND = (0.1, 1.0)
LATENT = 100


class Draem(Adapter[GeneratedSettings]):
    """One network repairs images with made-up damage, another finds it from both.

    The map is the difference of the two logits, the score its maximum. The torch model gives
    their softmax, which has the same order until it rounds to 0 or 1 and values tie. Damage is
    anomalib's Perlin noise without the textures of the paper, which are not here. At width 64
    the networks are theirs.

    Source: Zavrtanik et al. 2021, "DRAEM" (ICCV, arXiv 2108.07610); anomalib 2.7.
    """

    name = "anomalib-draem"
    schema = GeneratedSettings
    imagenet = False
    multiple = 32

    def _build(self, sides: Sides, width: int) -> nn.Module:
        network: Any = DraemModel()
        network.reconstructive_subnetwork = ReconstructiveSubNetwork(base_width=2 * width)
        network.discriminative_subnetwork = DiscriminativeSubNetwork(
            in_channels=6, out_channels=2, base_width=width
        )
        return network  # type: ignore[no-any-return]

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        damage = PerlinAnomalyGenerator(blend_factor=BLEND)
        distance = DraemLoss()

        def loss(step: Step, images: Tensor) -> Tensor:
            damaged, masks = damage(images)
            rebuilt, logits = network(damaged)
            found: Tensor = distance(images, rebuilt, masks, logits)
            return found

        self._train({"networks": (network, loss)}, self._settings.learning_rate, normal, run)

    @torch.inference_mode()
    def reconstructions(self, images: Images) -> FloatArray:
        """What the repairing network makes of the images, (N, C, H, W) float32."""
        network: Any = self._placed(self._trained(), images.device)
        made = [
            network.reconstructive_subnetwork(self._input(batch)) for _, batch in batches(images)
        ]
        return _at_size(torch.cat(made), images)

    def _judge(self, network: Any, batch: Tensor) -> Raw:  # noqa: ANN401
        rebuilt = network.reconstructive_subnetwork(batch)
        logits = network.discriminative_subnetwork(torch.cat([batch, rebuilt], dim=1))
        maps = logits[:, 1] - logits[:, 0]
        return Raw(maps.amax(dim=(1, 2)), maps)


class Ganomaly(Adapter[GeneratedSettings]):
    """An autoencoder against a discriminator; anomalous is what is encoded otherwise again.

    The score is the mean squared distance of the two codes, raw in the torch model (the scaling
    between the least and the largest score is its Lightning module's). There is no map. Images
    are brought to -1 to 1, the range of the generator; padding to a power of two is the model's.

    Source: Akcay et al. 2018, "GANomaly" (ACCV, arXiv 1805.06725); anomalib 2.7.
    """

    name = "anomalib-ganomaly"
    schema = GeneratedSettings
    imagenet = False

    def _build(self, sides: Sides, width: int) -> nn.Module:
        side = 2 ** (max(sides) - 1).bit_length()
        network: nn.Module = GanomalyModel(
            (side, side), num_input_channels=3, n_features=width, latent_vec_size=LATENT
        )
        return network

    def _input(self, images: Tensor) -> Tensor:
        return 2 * super()._input(images) - 1

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        generation, discrimination = GeneratorLoss(), DiscriminatorLoss()
        judge = network.discriminator

        def generator_loss(step: Step, images: Tensor) -> Tensor:
            real = pad_nextpow2(images)
            fake, code, again = network.generator(real)
            step.batch["fake"] = fake.detach()
            found: Tensor = generation(code, again, real, fake, judge(real)[0], judge(fake)[0])
            return found

        def discriminator_loss(step: Step, images: Tensor) -> Tensor:
            real = pad_nextpow2(images)
            found: Tensor = discrimination(judge(real)[0], judge(step.batch["fake"])[0])
            return found

        players = {
            "generator": (network.generator, generator_loss),
            "discriminator": (judge, discriminator_loss),
        }
        self._train(players, self._settings.learning_rate, normal, run)

    @torch.inference_mode()
    def reconstructions(self, images: Images) -> FloatArray:
        """What the generator makes of the images, (N, C, H, W) float32, from 0 to 1."""
        network: Any = self._placed(self._trained(), images.device)
        made = []
        for _, batch in batches(images):
            given = self._input(batch)
            whole = network.generator(pad_nextpow2(given))[0]
            top, left = (-(-(whole.shape[at] - given.shape[at]) // 2) for at in (2, 3))
            made.append(whole[..., top : top + given.shape[2], left : left + given.shape[3]])
        return _at_size((torch.cat(made) + 1) / 2, images)

    def _judge(self, network: Any, batch: Tensor) -> Raw:  # noqa: ANN401
        return Raw(network(batch).pred_score, None)


def _at_size(made: Tensor, images: Images) -> FloatArray:
    """Reconstructions (N, C, h, w) at the size of the images; untouched where they have it."""
    size = images.images.shape[2:]
    if made.shape[2:] != size:
        made = F.interpolate(made, size, mode="bilinear", align_corners=False, antialias=True)
    found: FloatArray = made.float().cpu().numpy()
    return found
