"""What is asked of the preparation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cards import AnyPreparation


@dataclass(frozen=True)
class PreparationRequest:
    """What is wanted of each subject of one side of a split.

    Attributes:
        channels: modalities that become the channels, in order.
        preparation: of the task's dataset.
        size: side of the images in pixels.
        lesion_free: keep only slices that no lesion voxel is in or next to.
        with_label: whether to prepare the label.
    """

    channels: Sequence[str]
    preparation: AnyPreparation
    size: int
    lesion_free: bool = False
    with_label: bool = False

    @property
    def needs_label(self) -> bool:
        """Whether the label must be read, for itself or to find the normal slices."""
        return self.with_label or self.lesion_free
