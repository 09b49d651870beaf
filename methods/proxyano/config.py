"""What the settings of ProxyAno may be; imported when a run is planned, so no torch.

The method's README.md gives the reason of every default.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from methods.shared.settings import ResidualSettings


class ProxyAnoSettings(ResidualSettings):
    """Settings of ``proxyano``.

    Attributes:
        proxy: what bridges the image and its reconstruction; ``none``: the image itself.
        segments: superpixels per image, about, background included.
        compactness: SLIC's weight of distance against intensity.
        iterations: SLIC's.
        blur: standard deviation of proxy ``blur``, as a share of the image's side.
        levels: grey levels of proxy ``quantized``.
        lowres_side: pixels per side of proxy ``lowres`` before it is enlarged again.
        depth: halvings in each of the two networks.
        stride: pixels between the finest features of the first module, whose squares of so many
            pixels a side are read as one; at most 2 to the power of ``depth``.
        memory: at the bottleneck and on every skip of the first module. ``pair``: keys over image
            features, values of proxy features; ``single``: one set of slots is both; ``none``:
            features pass as they are.
        slots: entries of each memory.
        temperature: divides the cosine similarity of feature and key before the softmax.
        shrinkage: weights below so many times ``1 / slots`` become 0.
        entropy_weight: of the addressing weights' entropy, mean over the memories, in the loss.
        training: ``two-stage``: half of the steps for each module, the second with the first
            frozen; ``joint``: both in every step, the second's gradient reaching the first.
        loss: mean ``l1`` or ``l2`` distance, of proxies and of reconstructions.
        proxy_weight: of the proxy's loss against the reconstruction's, in joint training.
        irm_input: what the second module learns from: the ``true`` proxy, the ``predicted``
            one, or ``scheduled``: from true to predicted, image by image at random.
        paste_count: a training image gets 1 to so many patches, all equally likely; 0: none.
        paste_smallest: least size of a patch, as a share of the image's longer side.
        paste_largest: greatest size of a patch.
        paste_feather: share of a patch's radius along which its edge fades; 0: a hard edge.
        paste_gain: a patch's intensities are multiplied by e to a power between minus this and
            this; 0: they are kept.
        paste_offset: a number between minus this and this is added to a patch's intensities, of
            which normal ones are about 0 to 1.
        paste_noise: standard deviation of coarse noise that is added to a patch's intensities.
        paste_opacity: a patch covers what is below it to a share between this and 1.
        paste_in_place: share of patches that stay where they were cropped.
        paste_source: patches from the image ``self`` or from ``another`` of the batch.
        paste_on: patches go on the ``proxy`` that the second module sees, on the ``image`` that
            the first one sees, or on ``both``; the targets stay clean.
        adversarial_weight: of the adversarial term; 0 trains no discriminator.
        learning_rate: Adam's, at its peak; a tenth for the discriminator.
        units: of the map: ``expected``: errors are divided by what is usual on training images
            where the same intensity is rebuilt; ``intensity``: they are not.
    """

    proxy: Literal["superpixel", "edge", "blur", "quantized", "lowres", "none"]
    segments: int = Field(ge=2)
    compactness: float = Field(gt=0)
    iterations: int = Field(ge=1)
    blur: float = Field(gt=0, le=0.5)
    levels: int = Field(ge=2)
    lowres_side: int = Field(ge=2)
    depth: int = Field(ge=1, le=6)
    stride: Literal[1, 2, 4, 8]
    memory: Literal["pair", "single", "none"]
    slots: int = Field(ge=2)
    temperature: float = Field(gt=0)
    shrinkage: float = Field(ge=0)
    entropy_weight: float = Field(ge=0)
    training: Literal["two-stage", "joint"]
    loss: Literal["l1", "l2"]
    proxy_weight: float = Field(gt=0)
    irm_input: Literal["true", "predicted", "scheduled"]
    paste_count: int = Field(ge=0)
    paste_smallest: float = Field(gt=0, le=1)
    paste_largest: float = Field(gt=0, le=2)
    paste_feather: float = Field(ge=0, le=1)
    paste_gain: float = Field(ge=0, le=3)
    paste_offset: float = Field(ge=0, le=2)
    paste_noise: float = Field(ge=0, le=1)
    paste_opacity: float = Field(gt=0, le=1)
    paste_in_place: float = Field(ge=0, le=1)
    paste_source: Literal["self", "another"]
    paste_on: Literal["proxy", "image", "both"]
    adversarial_weight: float = Field(ge=0)
    units: Literal["expected", "intensity"]
    learning_rate: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> ProxyAnoSettings:
        if self.paste_smallest > self.paste_largest:
            raise ValueError(
                f"paste_smallest ({self.paste_smallest}) is above "
                f"paste_largest ({self.paste_largest})"
            )
        if self.stride > 2**self.depth:
            raise ValueError(
                f"stride ({self.stride}) is above 2 to the power of depth ({2**self.depth})"
            )
        if self.shrinkage >= self.slots:
            raise ValueError(
                f"shrinkage ({self.shrinkage}) must be below slots ({self.slots}), "
                "else no weight survives"
            )
        return self
