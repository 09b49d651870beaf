"""What the settings of anomalib's methods may be; imported when a run is planned, so no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from methods.shared.settings import Settings

LITE = "tf_efficientnet_lite0"
WIDEST = {"resnet18": 448, "resnet50": 1792, "wide_resnet50_2": 1792, LITE: 176}
"""Channels of a backbone's first three levels together."""


def level_names(backbone: str) -> tuple[str, ...]:
    """Timm's names of a backbone's four levels, at a quarter to a thirty-second of the image."""
    if backbone == LITE:
        return ("blocks.1", "blocks.2", "blocks.4", "blocks.6")
    return ("layer1", "layer2", "layer3", "layer4")


class PretrainedSettings(Settings):
    """Base of all methods that begin with a trained network.

    Attributes:
        weights: ``pretrained``: from the cache, else fetched; ``random``: untrained, which is
            another method, so that the table shows it; anything else is the path of a file.
    """

    weights: str = Field(min_length=1)


class BackboneSettings(PretrainedSettings):
    """Base of all methods on the features of an ImageNet network.

    Attributes:
        backbone: name of the network, as timm has it. ``tf_efficientnet_lite0`` takes its
            pretrained weights from the package of the extra ``pretrained``; the others fetch them.
    """

    backbone: Literal["resnet18", "resnet50", "wide_resnet50_2", "tf_efficientnet_lite0"]


class MemorySettings(BackboneSettings):
    """Base of all methods that keep the features of training images.

    Attributes:
        images: so many training images at most, drawn by the seed; memory grows with them.
    """

    images: int = Field(ge=2)


class PadimSettings(MemorySettings):
    """Settings of ``anomalib-padim``.

    Attributes:
        features: channels kept of those of the three levels, drawn by the seed.
    """

    features: int = Field(ge=1)

    @model_validator(mode="after")
    def _within_the_backbone(self) -> PadimSettings:
        widest = WIDEST[self.backbone]
        if self.features > widest:
            raise ValueError(f"features ({self.features}) is above {self.backbone}'s {widest}")
        return self


class PatchcoreSettings(MemorySettings):
    """Settings of ``anomalib-patchcore``.

    Attributes:
        coreset: share of the patches that stays in the memory.
    """

    coreset: float = Field(gt=0, le=1)


class DfmSettings(MemorySettings):
    """Settings of ``anomalib-dfm``.

    Attributes:
        variance: share of the features' variance that the principal components explain.
    """

    variance: float = Field(gt=0, lt=1)


class DistilledSettings(PretrainedSettings):
    """Settings of ``anomalib-stfpm`` and ``anomalib-reverse-distillation``.

    Attributes:
        backbone: a ResNet; their students and decoders are built for no other network.
        learning_rate: Adam's, at its peak.
    """

    backbone: Literal["resnet18", "resnet50", "wide_resnet50_2"]
    learning_rate: float = Field(gt=0, le=1)


class EfficientAdSettings(PretrainedSettings):
    """Settings of ``anomalib-efficient-ad``.

    Attributes:
        size: of teacher and student.
        learning_rate: Adam's, at its peak.
    """

    size: Literal["small", "medium"]
    learning_rate: float = Field(gt=0, le=1)


class FastflowSettings(PretrainedSettings):
    """Settings of ``anomalib-fastflow``.

    Attributes:
        backbone: one of those that anomalib's model takes.
        learning_rate: Adam's, at its peak.
    """

    backbone: Literal["resnet18", "wide_resnet50_2"]
    learning_rate: float = Field(gt=0, le=1)


class CflowSettings(BackboneSettings):
    """Settings of ``anomalib-cflow``.

    Attributes:
        fibers: positions per level that a step learns from, drawn from the batch.
        learning_rate: Adam's, at its peak.
    """

    fibers: int = Field(ge=2)
    learning_rate: float = Field(gt=0, le=1)


class GeneratedSettings(Settings):
    """Settings of ``anomalib-draem`` and ``anomalib-ganomaly``, which need no trained network.

    Attributes:
        learning_rate: Adam's, at its peak.
    """

    learning_rate: float = Field(gt=0, le=1)
