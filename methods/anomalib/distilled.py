"""Methods whose student imitates a frozen teacher on normal images, and fails on others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.detector import NormalImages, Run
from methods.anomalib.adapter import Adapter, Raw, Sides
from methods.anomalib.library import (
    AnomalyMapGenerationMode,
    AnomalyMapGenerator,
    EfficientAdModel,
    EfficientAdModelSize,
    ReverseDistillationModel,
    STFPMLoss,
    STFPMModel,
    TimmFeatureExtractor,
)
from methods.anomalib.pretrained import give_weights, imagenet, teacher
from methods.anomalib.settings import DistilledSettings, EfficientAdSettings
from methods.shared.training import Step

LEVELS = ["layer1", "layer2", "layer3"]
STATISTICS_IMAGES = 64
HARD = 0.999


class _Stfpm(STFPMModel):  # type: ignore[misc]
    """The model without its constructor, which always fetches the teacher's weights."""

    def __init__(self, backbone: str) -> None:
        nn.Module.__init__(self)
        self.tiler = None
        self.backbone = backbone
        self.teacher_model = TimmFeatureExtractor(backbone, LEVELS, pre_trained=False).eval()
        self.teacher_model.requires_grad_(False)
        self.student_model = TimmFeatureExtractor(
            backbone, LEVELS, pre_trained=False, requires_grad=True
        )
        self.anomaly_map_generator = AnomalyMapGenerator()


class Stfpm(Adapter[DistilledSettings]):
    """A student of the teacher's build learns its features on three levels.

    The map is the product of the levels' squared distances, the score its maximum: raw in the
    torch model. Optimiser and schedule are the house's, theirs is plain momentum.

    Source: Wang et al. 2021, "Student-teacher feature pyramid matching" (BMVC, arXiv 2103.04257);
    anomalib 2.7.
    """

    name = "anomalib-stfpm"
    schema = DistilledSettings

    def _build(self, sides: Sides, width: int) -> nn.Module:
        return _Stfpm(self._settings.backbone)

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        backbone = network.teacher_model.feature_extractor
        source = imagenet(self._settings.backbone)
        return give_weights(backbone, self._settings.weights, source, self.name, run)

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        distance = STFPMLoss()

        def loss(step: Step, images: Tensor) -> Tensor:
            found: Tensor = distance(*network(images)) / len(images)
            return found

        self._train({"student": (network, loss)}, self._settings.learning_rate, normal, run)


class ReverseDistillation(Adapter[DistilledSettings]):
    """A decoder rebuilds the teacher's features from their bottleneck.

    The map is the sum over levels of one minus their cosine, the score its maximum: raw in the
    torch model.

    Source: Deng and Li 2022, "Anomaly detection via reverse distillation from one-class
    embedding" (CVPR, arXiv 2201.10703); anomalib 2.7.
    """

    name = "anomalib-reverse-distillation"
    schema = DistilledSettings
    multiple = 32

    def _build(self, sides: Sides, width: int) -> nn.Module:
        network: nn.Module = ReverseDistillationModel(
            self._settings.backbone,
            tuple(sides),
            LEVELS,
            AnomalyMapGenerationMode.ADD,
            pre_trained=False,
        )
        return network

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        backbone = network.encoder.feature_extractor
        source = imagenet(self._settings.backbone)
        return give_weights(backbone, self._settings.weights, source, self.name, run)

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        def loss(step: Step, images: Tensor) -> Tensor:
            # Theirs flattens by `view`, which fails on channels-last features.
            pairs = zip(*network(images), strict=True)
            cosines = [F.cosine_similarity(a.flatten(1), b.flatten(1)) for a, b in pairs]
            return torch.stack([(1 - one).mean() for one in cosines]).sum()

        self._train({"decoder": (network, loss)}, self._settings.learning_rate, normal, run)


class EfficientAd(Adapter[EfficientAdSettings]):
    """A student imitates a small teacher, and an autoencoder the parts that span the image.

    The map is the mean of the two squared differences, the score its maximum. anomalib scales
    both by quantiles of the validation images first; that is left out, so nothing but the
    training images has a say. Left out as well is the penalty on ImageNet's images, which are
    not here. Batches have one image, as stated; sides are at least 256, the autoencoder's least.

    Source: Batzner et al. 2024, "EfficientAD" (WACV, arXiv 2303.14535); anomalib 2.7.
    """

    name = "anomalib-efficient-ad"
    schema = EfficientAdSettings
    imagenet = False  # the model does it
    least = 256
    multiple = 32

    def _build(self, sides: Sides, width: int) -> nn.Module:
        network: nn.Module = EfficientAdModel(model_size=EfficientAdModelSize(self._settings.size))
        return network

    def _give_weights(self, network: Any, run: Run) -> str:  # noqa: ANN401
        source = teacher(self._settings.size)
        return give_weights(network.teacher, self._settings.weights, source, self.name, run)

    def _learn(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        network.teacher.requires_grad_(False)
        self._placed(network, run.device)
        self._measure_teacher(network, normal, run)

        def loss(step: Step, images: Tensor) -> Tensor:
            return self._loss(network, images)

        singly = replace(run, budget=run.budget.model_copy(update={"batch_size": 1}))
        self._train({"student": (network, loss)}, self._settings.learning_rate, normal, singly)

    def _judge(self, network: Any, batch: Tensor) -> Raw:  # noqa: ANN401
        found = network(batch, normalize=False)
        return Raw(found.pred_score, found.anomaly_map)

    @staticmethod
    def _loss(network: Any, images: Tensor) -> Tensor:  # noqa: ANN401
        """Equations 1 and 3 to 5 of the paper, without the penalty."""
        channels = network.teacher_out_channels
        _, distances = network.compute_student_teacher_distance(images)
        hard = distances[distances >= torch.quantile(distances.flatten(), HARD)].mean()
        turned = network.choose_random_aug_image(images)
        with torch.no_grad():
            taught = network._normalize_teacher(network.teacher(turned))
        rebuilt = network.ae(turned, images.shape[2:])
        imitated = network.student(turned)[:, channels:]
        total: Tensor = hard + F.mse_loss(rebuilt, taught) + F.mse_loss(imitated, rebuilt)
        return total

    @torch.no_grad()
    def _measure_teacher(self, network: Any, normal: NormalImages, run: Run) -> None:  # noqa: ANN401
        """Mean and standard deviation of the teacher's channels, which scale its features."""
        generator = np.random.default_rng([run.seed, len(normal)])
        chosen = sorted(generator.permutation(len(normal))[:STATISTICS_IMAGES])
        sums, squares, count = torch.zeros(()), torch.zeros(()), 0
        for done, i in enumerate(chosen, start=1):
            image = torch.from_numpy(np.array(normal.images[i : i + 1])).to(run.device)
            found = network.teacher(self._input(image)).double().cpu()
            sums = sums + found.sum(dim=(0, 2, 3))
            squares = squares + found.square().sum(dim=(0, 2, 3))
            count += found.numel() // found.shape[1]
            run.progress(done, len(chosen), "measure teacher")
        mean = sums / count
        sd = (squares / count - mean**2).clamp_min(0).sqrt()
        # A channel that never changes would divide by zero.
        floor = 1e-3 * sd.max().clamp_min(1e-6)
        for name, values in (("mean", mean), ("std", sd.clamp_min(floor))):
            network.mean_std[name].data.copy_(values.reshape(1, -1, 1, 1))
