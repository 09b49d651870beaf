"""What the tasks of a card ask of each subject, which a check judges as a run would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.cards import AnyPreparation, DatasetCard, Layout, Preparation


@dataclass(frozen=True)
class Asked:
    """What is asked of each subject of one layout.

    Attributes:
        preparation: of the card; None where it has none.
        channels: the modalities that are prepared together, once for each set of them.
        sizes: sides of the prepared images in pixels.
    """

    preparation: AnyPreparation | None = None
    channels: tuple[tuple[str, ...], ...] = ()
    sizes: tuple[int, ...] = ()

    @classmethod
    def of(cls, card: DatasetCard, layout: Layout, sizes: Sequence[int]) -> Asked:
        """What a card's tasks ask; of a card without tasks each modality may be learned from."""
        wanted = [tuple(one.channels) for one in card.tasks.values()]
        wanted = [one for one in wanted if {*one} <= {*layout.images}]
        wanted = wanted or [(name,) for name in layout.images]
        return cls(card.preparation, tuple(dict.fromkeys(wanted)), tuple(sorted({*sizes})))

    @property
    def background(self) -> float | None:
        """Value around the brain, as the card says it; None to find it."""
        return self.preparation.background if isinstance(self.preparation, Preparation) else None
