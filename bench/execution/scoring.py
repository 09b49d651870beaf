"""Applies protocols to predictions: those of a run, or those in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import registry
from bench.data.progress import Progress
from bench.protocol import apply_protocols
from bench.protocol.held import Passes, held
from bench.store.predictions import Role, read_roles, require_subjects
from bench.store.records import ProtocolNumbers


def score_folder(
    protocols: Sequence[str], folder: Path, expected: Mapping[Role, Sequence[str]]
) -> dict[str, ProtocolNumbers]:
    """Numbers per protocol id; each file is read once for all of them.

    Args:
        protocols: ids, ``name@version``.
        folder: what `bench.store.predictions.write_prediction` filled.
        expected: the subjects of each role that must be there, no more and no fewer.

    Raises:
        StoreError: a prediction file is damaged or missing.
    """
    for role, names in expected.items():
        require_subjects(folder, role, names)
    with held(read_roles(folder)) as passes:
        return score(protocols, passes)


def score(
    protocols: Sequence[str], predictions: Passes, progress: Progress | None = None
) -> dict[str, ProtocolNumbers]:
    """Numbers per protocol id.

    Args:
        protocols: ids, ``name@version``.
        predictions: passes over the test and validation subjects.
        progress: called with (done, total, phase).
    """
    cards = {name: registry.protocol(name) for name in protocols}
    found: dict[str, ProtocolNumbers] = {}
    if progress is not None:
        progress(0, len(cards), "score")
    for done in apply_protocols(list(cards.values()), predictions):
        found.update([done])
        if progress is not None:
            progress(len(found), len(cards), "score")
    return {name: found[card.id] for name, card in cards.items()}
