"""What the card of a registered dataset says of how it was made."""

from __future__ import annotations

from pydantic import Field

from bench.cards.base import Card, Name


class Registration(Card):
    """Where a registered dataset comes from, as ``bench data register`` writes it.

    It is in no key: the registered files themselves are. Records name it under ``provenance``.

    Attributes:
        source: name of the dataset that was registered.
        steps: what was done to each volume, in order.
        brain: where the brain masks of images with a skull come from.
        voxel_mm: side of the voxels.
        versions: of what decides the result: packages, template, commands.
    """

    source: Name
    steps: list[str] = Field(min_length=1)
    brain: str
    voxel_mm: int = Field(ge=1)
    versions: dict[str, str]
