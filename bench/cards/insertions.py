"""What was put into normal volumes for a detection limit: kept beside the files, as JSON."""

from __future__ import annotations

from pydantic import Field

from bench.cards.base import Card


class InsertedLesion(Card):
    """One lesion.

    Attributes:
        centre_mm: in the world space of the volume it was put into.
        diameter_mm: of a ball of its volume.
        contrast: change of intensity at its core, as a share of the volume's range (5th to 95th
            percentile of the foreground); below 0 is darker.
        voxels: that are more than half lesion.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float = Field(gt=0)
    contrast: float
    voxels: int = Field(ge=1)


class Copy(Card):
    """One copy of a normal volume, with lesions.

    Attributes:
        subject: its id in the data set.
        volume: id of the volume it is a copy of.
        twin: id of the same volume without lesions, in the data set.
    """

    subject: str
    volume: str
    twin: str
    lesions: list[InsertedLesion]


class Insertions(Card):
    """All copies of a data set, and how they were made.

    Attributes:
        source: name of the dataset whose volumes these are.
        split: of that dataset.
        channel: modality.
        seed: of places and shapes.
        version: of the generator.
    """

    source: str
    split: str
    channel: str
    seed: int
    version: int
    copies: list[Copy]
