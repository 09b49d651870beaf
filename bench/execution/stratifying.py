"""Strata of kept predictions: the same cells, one part of the test data at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.cards import DatasetCard, ProtocolCard
from bench.data.find.index import index_dataset
from bench.data.find.subject_table import KnownSubjects, read_subject_table
from bench.errors import BenchError, UsageError, allowed, counted, in_words
from bench.protocol.cases import NotApplicable
from bench.protocol.held import held
from bench.protocol.strata import LESIONWISE, POSITION, stratified
from bench.protocol.subject_groups import ambiguous, subject_groups, words_among_numbers
from bench.store.predictions import read_roles, require_whole
from bench.store.records import Record
from bench.store.store import Store
from bench.store.strata import StratifiedCell

BUILT_IN = (*LESIONWISE, POSITION)
NOT_STATED = "not stated"
MOST_GROUPS = 12
"""A column with more values names subjects, it does not group them."""
_SHOWN = 5


@dataclass(frozen=True)
class Wanted:
    """One cell, and how its test data are parted.

    Attributes:
        groups: ids of the subjects of each stratum; None for strata that the maps give.
    """

    record: Record
    protocol: ProtocolCard
    by: str
    groups: Mapping[str, Sequence[str]] | None = None


def known_subjects(card: DatasetCard, data_dir: Path | None, cache: Path) -> KnownSubjects:
    """The table of subjects that a dataset's card names.

    Raises:
        UsageError: it names none.
        DataError, CardError: as `index_dataset` and `read_subject_table`.
    """
    if card.subjects_table is None:
        raise UsageError(
            f"the card of {card.name} names no table of subjects",
            hint="add [subjects_table] to it (docs/adding-a-dataset.md), or take --by "
            + ", ".join(BUILT_IN),
        )
    index = index_dataset(card, data_dir, cache)
    return read_subject_table(index.root, card.subjects_table, [*index.subjects])


def groups_of(known: KnownSubjects, column: str, subjects: Sequence[str]) -> dict[str, list[str]]:
    """Subjects by their value in a column; numbers are cut at their quantiles.

    Args:
        known: the table.
        column: one of its columns.
        subjects: the test subjects; all of them are in exactly one group.

    Returns:
        Ids by ``column value``, ordered by the value; those without one last.

    Raises:
        UsageError: no such column, or it has too many values to be groups.
    """
    if column not in known.columns:
        choices = [*BUILT_IN, *known.columns]
        raise UsageError(f"no column {column!r} in {known.path}; {allowed(column, choices)}")
    stated = {
        one: known.values[one][column] for one in subjects if column in known.values.get(one, {})
    }
    unclear = ambiguous(stated)
    if unclear is not None:
        raise UsageError(
            f"column {column!r} of {known.path} holds {unclear!r}, which may be"
            f" {unclear.replace(',', '')} or {unclear.replace(',', '.')}",
            hint="write its numbers with a point, and without signs between thousands",
        )
    named = subject_groups(stated, column)
    if len(named) > MOST_GROUPS:
        words = words_among_numbers(stated)
        raise UsageError(
            f"column {column!r} of {known.path} has {counted(len(named), 'value')} among "
            f"{counted(len(stated), 'test subject')}; groups are at most {MOST_GROUPS}"
            + (f". Not numbers: {', '.join(words[:_SHOWN])}" if words else ""),
            hint="name what means that nothing is known in `missing` of the card's"
            " [subjects_table]; the other numbers are then cut into thirds"
            if words
            else None,
        )
    rest = [one for one in subjects if one not in stated]
    return {**named, NOT_STATED: rest} if rest else named


def stratify_cells(
    wanted: Sequence[Wanted],
    store: Store,
    *,
    processes: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[StratifiedCell]:
    """Strata of several cells, in their order; damaged predictions are named, not fatal.

    Args:
        wanted: cells with kept predictions.
        store: that holds them.
        processes: how many cells at once.
        progress: called with (done, total) after each cell.
    """
    found = []
    if len(wanted) < 3 or processes < 2:
        for one in wanted:
            found.append(_stratify(store.root, one))
            if progress is not None:
                progress(len(found), len(wanted))
        return found
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for made in pool.map(_stratify, [store.root] * len(wanted), wanted):
            found.append(made)
            if progress is not None:
                progress(len(found), len(wanted))
    return found


def _stratify(root: Path, wanted: Wanted) -> StratifiedCell:
    record = wanted.record
    folder = Store(root).prediction_folder(record.key)
    try:
        require_whole(folder, record)
        with held(read_roles(folder)) as passes:
            made = stratified(wanted.protocol, passes, wanted.by, wanted.groups)
    except (BenchError, NotApplicable) as error:
        said = in_words(error) if isinstance(error, BenchError) else str(error)
        return StratifiedCell(record, wanted.protocol.id, problem=said)
    return StratifiedCell(record, wanted.protocol.id, tuple(made))
