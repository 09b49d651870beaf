"""Methods that fit normalising flows to the features of normal images."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import NormalImages, Run
from methods.anomalib.adapter import Adapter, Sides
from methods.anomalib.library import (
    CflowModel,
    FastflowLoss,
    FastflowModel,
    get_logp,
    positional_encoding_2d,
)
from methods.anomalib.pretrained import give_weights, imagenet
from methods.anomalib.settings import CflowSettings, FastflowSettings, level_names
from methods.shared.training import Step


class Fastflow(Adapter[FastflowSettings]):
    """A convolutional flow per level of the backbone's features.

    The map is minus the mean over levels of a likelihood up to a factor, so it is between -1
    and 0 by construction, not by scaling; the score is its maximum. Raw in the torch model.

    Source: Yu et al. 2021, "FastFlow" (arXiv 2111.07677); anomalib 2.7.
    """

    name = "anomalib-fastflow"
    schema = FastflowSettings
    multiple = 16

    def _build(self, sides: Sides, width: int) -> nn.Module:
        network: nn.Module = FastflowModel(tuple(sides), self._settings.backbone, pre_trained=False)
        return network

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        source = imagenet(self._settings.backbone)
        backbone = network.feature_extractor
        return give_weights(backbone, self._settings.weights, source, self.name, run)

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        likelihood = FastflowLoss()

        def loss(step: Step, images: Tensor) -> Tensor:
            found: Tensor = likelihood(*network(images))
            return found

        self._train({"flows": (network, loss)}, self._settings.learning_rate, normal, run)


class LogLikelihoodMaps(nn.Module):
    """In place of anomalib's map of CFLOW, which is scaled by the maximum over the batch."""

    def forward(
        self,
        distribution: list[Tensor],
        height: list[int],
        width: list[int],
        image_size: tuple[int, int],
    ) -> Tensor:
        """Minus the log-likelihoods per dimension, enlarged and summed over levels.

        Args:
            distribution: (B H W,) per level.
            height: rows of each level (anomalib's name).
            width: columns of each level (anomalib's name).
            image_size: of the map.

        Returns:
            (B, 1, *image_size).
        """
        total: Tensor | int = 0
        for found, rows, columns in zip(distribution, height, width, strict=True):
            level = -found.reshape(-1, 1, rows, columns)
            total = total + F.interpolate(level, image_size, mode="bilinear", align_corners=True)
        return torch.as_tensor(total)


class Cflow(Adapter[CflowSettings]):
    """A flow per level over the features of single positions, given where they stand.

    The map is minus the log-likelihood per dimension, summed over levels, the score its maximum.
    anomalib's own map divides each level's likelihood by its maximum over the batch and
    subtracts the sum from its maximum over the batch, so it depends on the neighbours.

    Source: Gudovskiy et al. 2022, "CFLOW-AD" (WACV, arXiv 2107.12571); anomalib 2.7.
    """

    name = "anomalib-cflow"
    schema = CflowSettings

    def _build(self, sides: Sides, width: int) -> nn.Module:
        network: Any = CflowModel(
            self._settings.backbone,
            level_names(self._settings.backbone)[1:],
            pre_trained=False,
            fiber_batch_size=1024,
        )
        network.anomaly_map_generator = LogLikelihoodMaps()
        return network  # type: ignore[no-any-return]

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        source = imagenet(self._settings.backbone)
        backbone = network.encoder.feature_extractor
        return give_weights(backbone, self._settings.weights, source, self.name, run)

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        def loss(step: Step, images: Tensor) -> Tensor:
            levels = zip(network.encoder(images).values(), network.decoders, strict=True)
            return torch.stack([self._level_loss(network, *level) for level in levels]).mean()

        self._train({"flows": (network, loss)}, self._settings.learning_rate, normal, run)

    def _level_loss(self, network: Any, features: Tensor, decoder: Any) -> Tensor:  # noqa: ANN401
        """The torch model's loss at some positions, drawn from all of the batch's."""
        count, channels, rows, columns = features.shape
        places = positional_encoding_2d(network.condition_vector, rows, columns)
        drawn = torch.randperm(count * rows * columns)[: self._settings.fibers]
        drawn = drawn.to(features.device)
        fibers = features.permute(0, 2, 3, 1).reshape(-1, channels)[drawn]
        where = places.to(features.device).flatten(1).T[drawn % (rows * columns)]
        hidden, jacobian = decoder(fibers, [where])
        loss: Tensor = -F.logsigmoid(get_logp(channels, hidden, jacobian) / channels).mean()
        return loss
