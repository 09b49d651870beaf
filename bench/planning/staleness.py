"""Which records of a store are current: of the files, cards and versions of now.

A run or a plan notes which files it found (`bench.store.current`), so a store tells this without
its data. Where the data can be reached, the files themselves say it (`bench.planning.files_now`):
they may have changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.cards import MethodCard
from bench.data.prepare.version import preparation_fingerprint
from bench.keys import canonical_json
from bench.planning.files_now import FilesNow
from bench.registry.plugins import PluginCard, file_sources
from bench.store.current import FoundFiles, mark_current, read_marks
from bench.store.records import Record
from bench.store.store import Broken, Store

if TYPE_CHECKING:
    from bench.planning.plan import Cell

_SHOWN = 6


@dataclass(frozen=True)
class Current:
    """The records of a store.

    Attributes:
        records: those of the files, cards and versions of now, in the order of their paths.
        older: the stale ones; they are never part of a number.
        broken: files that should be records, or marks of current files, and are not.
        unchecked: of which tasks nobody knows whether their files changed since the last run or
            plan, and why, in words.
    """

    records: list[Record]
    older: list[Record]
    broken: list[Broken]
    unchecked: tuple[str, ...] = ()


def read_current(store: Store, *, by_subject: bool = True, data_dir: Path | None = None) -> Current:
    """Read a store and part what is current from what is stale.

    Args:
        store: the run store. Where it has no marks, as the store of an older bench, files count
            as unchanged.
        by_subject: with each subject's numbers.
        data_dir: where the data are, a folder per dataset; where they are not in it, they are
            looked for in the folder in which the last run or plan found them.
    """
    records, broken = store.read_all(by_subject=by_subject)
    return part_stale(store, records, broken, data_dir)


def part_stale(
    store: Store, records: Sequence[Record], broken: Sequence[Broken], data_dir: Path | None
) -> Current:
    """Part some records of a store as `read_current` does with all of them.

    Args:
        store: the run store.
        records: of it.
        broken: files of it that should be records.
        data_dir: as in `read_current`.
    """
    marks = read_marks(store)
    files = FilesNow(marks, data_dir)

    def is_older(record: Record) -> bool:
        if is_stale(record):
            return True
        moved = files.moved(record)
        return marks.moved(record) if moved is None else moved

    older = [one for one in records if is_older(one)]
    names = {(one.task, one.key) for one in older}
    current = [one for one in records if (one.task, one.key) not in names]
    unchecked = tuple(
        f"{', '.join(sorted(tasks))}: whether files have changed since the last run or plan"
        f" cannot be checked: {reason}"
        for reason, tasks in sorted(files.unchecked.items())
    )
    return Current(current, older, [*broken, *marks.broken], unchecked)


def mark_cells(store: Store, cells: Iterable[Cell], data_dir: Path | None) -> None:
    """Note the files of some cells as those that are there now.

    Args:
        store: the run store.
        cells: of a plan.
        data_dir: the folder in which the files were found, with a folder per dataset.

    Raises:
        StoreError: the store cannot be written.
    """
    place = "" if data_dir is None else str(data_dir.resolve())
    found = {
        FoundFiles(
            task=cell.task,
            train_on=cell.train_on,
            budget=cell.fit.budget.name,
            test=cell.fingerprint,
            training=cell.fit.fingerprint,
            data_dir=place,
        )
        for cell in cells
    }
    for one in sorted(found, key=lambda one: (one.task, one.train_on, one.budget)):
        mark_current(store, one)


def names_of(records: Sequence[Record]) -> str:
    """``ae on x/t, knn on x/t, ...``: each method and task once, the first few of them."""
    names = list(dict.fromkeys(f"{one.method} on {one.task}" for one in records))
    return ", ".join(names[:_SHOWN]) + (", ..." if names[_SHOWN:] else "")


def is_stale(record: Record) -> bool:
    """Whether today's cards would give the cell another key.

    The method's version and default settings, the dataset's version and preparation and the
    budget's values are compared, and of a plug-in its source. A record whose method, dataset or
    budget has no card here is not stale: it may come from somebody's plug-in.
    """
    method = registry.load_methods().get(record.method)
    if record.provenance.get("method_file"):
        method = None  # a user's file; a card of the same name is another method
    if method is not None and method.version != record.method_version:
        return True
    if method is not None and _defaults_moved(method, record):
        return True
    if _sources(method, record) not in (None, record.fingerprints.get("method")):
        return True
    budget = registry.known_budget(record.budget)
    if budget is not None and budget.key_values() != record.budget_values:
        return True
    dataset = registry.load_datasets().get(record.dataset)
    if dataset is None:
        return False
    if dataset.version != record.dataset_version:
        return True
    preparation = dataset.preparation
    prepared = record.fingerprints.get("preparation")
    return preparation is not None and prepared != preparation_fingerprint(preparation)


def _defaults_moved(method: MethodCard, record: Record) -> bool:
    """Whether the card's default settings would give other settings than the record's."""
    now = {**method.config, **record.config}
    return bool(record.resolved_config) and canonical_json(now) != canonical_json(
        record.resolved_config
    )


def _sources(method: MethodCard | None, record: Record) -> str | None:
    """The fingerprint of a plug-in's source as it is now; None where there is none to be had."""
    if isinstance(method, PluginCard):
        return method.sources
    file = Path(str(record.provenance.get("method_file", "")).rpartition(":")[0])
    return file_sources(file) if file.suffix == ".py" and file.is_file() else None
