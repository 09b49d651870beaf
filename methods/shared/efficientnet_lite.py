"""EfficientNet-Lite0 in plain torch, for ImageNet weights that a package registry carries.

Source: Tan and Le 2019, "EfficientNet" (arXiv 1905.11946); the lite variants of its authors
(tensorflow/tpu, efficientnet/lite): no squeeze and excitation, ReLU6, stem and head of fixed
width, TensorFlow's padding and 1e-3 in batch normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import MethodError

# Of each stage: blocks, kernel, stride of the first block, widening inside, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM, HEAD, CLASSES = 32, 1280, 1000


class SamePadded(nn.Conv2d):
    """A convolution with TensorFlow's padding: an odd pixel of it is at the bottom and right."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, outputs, H / stride, W / stride), rounded up."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        rows, columns = (
            max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in images.shape[2:]
        )
        pad = [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2]
        return super().forward(F.pad(images, pad))


def _convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution without bias and its batch normalisation."""
    return [
        SamePadded(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
    ]


class InvertedResidual(nn.Module):
    """Widen, convolve each channel alone, narrow; added to the input where the form allows.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: of the convolution per channel.
        stride: of the same.
        widening: how many times more channels there are inside.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, widening: int) -> None:
        super().__init__()
        inside = inputs * widening
        widen = [*_convolution(inputs, inside), nn.ReLU6()] if widening > 1 else []
        self.layers = nn.Sequential(
            *widen,
            *_convolution(inside, inside, kernel, stride, groups=inside),
            nn.ReLU6(),
            *_convolution(inside, outputs),
        )
        self.skip = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        found: Tensor = self.layers(images)
        return images + found if self.skip else found


class EfficientNetLite0(nn.Module):
    """The whole network.

    Attributes:
        stem: halves the image.
        stages: one of `STAGES` each; strides 2, 4, 8, 16, 16, 32, 32 in all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(3, STEM, 3, 2), nn.ReLU6())
        stages, channels = [], STEM
        for blocks, kernel, stride, widening, outputs in STAGES:
            stage = []
            for at in range(blocks):
                step = stride if at == 0 else 1
                stage.append(InvertedResidual(channels, outputs, kernel, step, widening))
                channels = outputs
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)
        self.head = nn.Sequential(*_convolution(channels, HEAD), nn.ReLU6())
        self.classifier = nn.Linear(HEAD, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1000) of ImageNet's classes for images (B, 3, H, W) from -1 to 1."""
        images = self.stem(images)
        for stage in self.stages:
            images = stage(images)
        logits: Tensor = self.classifier(self.head(images).mean(dim=(2, 3)))
        return logits


def in_order(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], what: str
) -> dict[str, Tensor]:
    """Tensors of another implementation under the names of ours, which are in the same order.

    Args:
        own: state dict of the network that is to be filled, or of its first part.
        given: state dict of the whole network by other names.
        what: the weights, for messages.

    Raises:
        MethodError: a shape or the last part of a name differs, or there are too few tensors.
    """

    def parts(state: Mapping[str, Tensor]) -> list[tuple[str, Tensor]]:
        return [one for one in state.items() if not one[0].endswith("num_batches_tracked")]

    wanted, there = parts(own), parts(given)
    for (name, tensor), (other, value) in zip(wanted, there, strict=False):
        if tensor.shape != value.shape or name.rsplit(".", 1)[-1] != other.rsplit(".", 1)[-1]:
            raise MethodError(
                f"{what}: {other} {tuple(value.shape)} stands where {name} "
                f"{tuple(tensor.shape)} is expected"
            )
    if len(there) < len(wanted):
        raise MethodError(f"{what}: {len(there)} tensors, expected {len(wanted)}")
    return {name: value for (name, _), (_, value) in zip(wanted, there, strict=False)}
