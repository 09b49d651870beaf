"""What `bench multiverse` kept of a cell: its numbers under every combination of choices.

One file per cell, ``_multiverse/<cell key>.json``, beside the records, so that reports need no
predictions for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.keys import canonical_json
from bench.store.records import ProtocolNumbers, Record
from bench.store.store import Store


class KeptUniverse(BaseModel):
    """A cell's numbers under one combination of choices.

    Attributes:
        level: ``pixel`` or ``image``.
        choices: the option of each choice, without the metric.
        numbers: one per metric, with their replicates; without single subjects.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: str
    choices: dict[str, str]
    numbers: ProtocolNumbers

    @property
    def name(self) -> str:
        """What makes it the same universe in two cells."""
        return canonical_json([self.level, self.choices])


class KeptMultiverse(BaseModel):
    """All of a cell.

    Attributes:
        design: version of the choices and their options.
        predictions: which predictions the numbers are of; see `identity`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    design: int
    predictions: str
    universes: list[KeptUniverse]


@dataclass(frozen=True)
class Multiverse:
    """What a store keeps of some cells.

    Attributes:
        by_cell: by the key of each cell whose numbers are of its present predictions.
        lacking: done cells of which nothing of the kind is kept.
    """

    by_cell: dict[str, KeptMultiverse]
    lacking: tuple[Record, ...]


def identity(record: Record) -> str:
    """Tells the predictions of a cell from those of the same cell when it was run again."""
    return str(record.provenance.get("finished", ""))


def multiverse_path(store: Store, key: str) -> Path:
    """The file of a cell's numbers."""
    return store.root / "_multiverse" / f"{key}.json"


def write_multiverse(store: Store, record: Record, kept: KeptMultiverse) -> int:
    """Write a cell's numbers whole; the size of the file in bytes.

    Raises:
        StoreError: the store cannot be written.
    """
    path = multiverse_path(store, record.key)
    store.write_text(path, kept.model_dump_json(exclude_defaults=True) + "\n")
    return path.stat().st_size


def read_multiverse(
    store: Store, records: Sequence[Record], design: int | None = None
) -> Multiverse:
    """The numbers of those of the records whose predictions they are of.

    A damaged file, or one of another design, counts as absent: it is made again.

    Args:
        store: the run store.
        records: of cells; those that are not done are passed over.
        design: the version that is wanted; None takes any.
    """
    found, lacking = dict[str, KeptMultiverse](), list[Record]()
    for record in records:
        if record.status != "done":
            continue
        kept = _read(multiverse_path(store, record.key))
        if (
            kept is None
            or kept.predictions != identity(record)
            or design not in (None, kept.design)
        ):
            lacking.append(record)
        else:
            found[record.key] = kept
    return Multiverse(found, tuple(lacking))


def _read(path: Path) -> KeptMultiverse | None:
    try:
        return KeptMultiverse.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
