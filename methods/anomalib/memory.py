"""Methods that keep the features of normal images: nothing is trained but statistics."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from bench.detector import NormalImages, Run
from methods.anomalib.adapter import Adapter, Sides
from methods.anomalib.library import DFMModel, PadimModel, PatchcoreModel, SparseRandomProjection
from methods.anomalib.pretrained import give_weights, imagenet
from methods.anomalib.settings import (
    DfmSettings,
    MemorySettings,
    PadimSettings,
    PatchcoreSettings,
    level_names,
)
from methods.shared.coreset import greedy_coreset

BATCH = 16
DISTORTION = 0.9  # of distances by the random projection, as anomalib's own coreset has it

M = TypeVar("M", bound=MemorySettings)


class FeatureMemory(Adapter[M]):
    """A frozen backbone whose features of training images are remembered.

    A step of the budget is a batch of images, and no image is looked at twice; their number is
    bounded by ``images`` too.
    """

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        backbone = network.feature_extractor.feature_extractor
        source = imagenet(self._settings.backbone)
        return give_weights(backbone, self._settings.weights, source, self.name, run)

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        self._placed(network, run.device)
        network.train()  # which makes these models remember; their backbones stay as they are
        chosen = self._chosen(len(normal), run)
        with torch.no_grad():
            for start in range(0, len(chosen), BATCH):
                images = torch.from_numpy(np.asarray(normal.images[chosen[start : start + BATCH]]))
                network(self._input(images.to(run.device)))
                run.progress(min(start + BATCH, len(chosen)), len(chosen), "embed")
            self._condense(network, len(chosen))

    def _condense(self, network: Any, count: int) -> None:  # noqa: ANN401
        """From the features of `count` images to what judges new ones."""
        network.fit()

    def _chosen(self, count: int, run: Run) -> list[int]:
        """Which images are remembered, in ascending order; at least two, if need be one twice."""
        limit = min(self._settings.images, run.budget.steps * run.budget.batch_size)
        drawn = np.random.default_rng([run.seed, count]).permutation(count)[: max(limit, 2)]
        return sorted(int(i) for i in drawn) * (2 if count == 1 else 1)


class Padim(FeatureMemory[PadimSettings]):
    """A Gaussian per position over features of three levels; the map is Mahalanobis' distance.

    The score is the map's maximum. Both are raw in the torch model.

    Source: Defard et al. 2021, "PaDiM" (ICPR workshops, arXiv 2011.08785); anomalib 2.7.
    """

    name = "anomalib-padim"
    schema = PadimSettings

    def _build(self, sides: Sides, width: int) -> nn.Module:
        settings = self._settings
        network: nn.Module = PadimModel(
            settings.backbone,
            list(level_names(settings.backbone)[:3]),
            pre_trained=False,
            n_features=settings.features,
        )
        return network


class Patchcore(FeatureMemory[PatchcoreSettings]):
    """Distance of each patch to its nearest neighbour in a coreset of normal ones.

    The score is that of the farthest patch, weighted by how dense its neighbours are (equation 7
    of the paper). Both are raw in the torch model. The coreset is ours: theirs takes and gives
    back memory in each step, which grew to 18 GB; ours begins with the patch that is nearest to
    the mean, theirs with any.

    Source: Roth et al. 2022, "Towards total recall in industrial anomaly detection" (CVPR, arXiv
    2106.08265); anomalib 2.7.
    """

    name = "anomalib-patchcore"
    schema = PatchcoreSettings

    def _build(self, sides: Sides, width: int) -> nn.Module:
        network: nn.Module = PatchcoreModel(
            level_names(self._settings.backbone)[1:3], self._settings.backbone, pre_trained=False
        )
        return network

    def _condense(self, network: Any, count: int) -> None:  # noqa: ANN401
        patches = torch.vstack(network.embedding_store)
        network.embedding_store.clear()
        # With fewer patches than neighbours, the weight of every score would be 0.
        share = min(1.0, max(self._settings.coreset, (network.num_neighbors + 1) / len(patches)))
        projection = SparseRandomProjection(eps=DISTORTION)
        projection.fit(patches)
        chosen = greedy_coreset(projection.transform(patches), int(share * len(patches)))
        network.memory_bank = patches[chosen]


class Dfm(FeatureMemory[DfmSettings]):
    """What principal components of deep features cannot rebuild.

    The map is the squared error per position of one level, pooled by four, the score its sum:
    raw in the torch model. Sides are raised to multiples of 64, so that pooling cuts nothing off
    and the map fits the image, and to 128, where a map has 2 by 2 cells.

    Source: Ahuja et al. 2019, "Probabilistic modeling of deep features for out-of-distribution
    and adversarial detection" (arXiv 1909.11786); anomalib 2.7, score type ``fre``.
    """

    name = "anomalib-dfm"
    schema = DfmSettings
    least = 128
    multiple = 64
    channels_last = False  # its features are flattened by `view`

    def _build(self, sides: Sides, width: int) -> nn.Module:
        settings = self._settings
        network: nn.Module = DFMModel(
            settings.backbone,
            level_names(settings.backbone)[2],
            pre_trained=False,
            n_comps=settings.variance,
        )
        return network

    def _condense(self, network: Any, count: int) -> None:  # noqa: ANN401
        features = torch.vstack(network.memory_bank)
        if (features != features[0]).any():
            network.fit()
            return
        # Without any variance there are no components; the distance to the mean remains.
        network.memory_bank = []
        network.pca_model.mean = features[0]
        network.pca_model.singular_vectors = features.new_zeros(features.shape[1], 1)
        network.pca_model.num_components = torch.tensor([1], device=features.device)
