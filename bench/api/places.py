"""Where the library reads and writes: the folders and stores that its arguments mean."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import StoreError, UsageError

if TYPE_CHECKING:
    from bench.planning.staleness import Current
    from bench.report import Cards
    from bench.store.records import Record
    from bench.store.store import Store

Folder = Path | str | None
Names = str | Sequence[str]


def as_list(names: Names) -> list[str]:
    """One name as a list of one."""
    return [names] if isinstance(names, str) else list(names)


def data_folder(folder: Folder) -> Path | None:
    """Where data are: as given, else BENCH_DATA."""
    chosen = folder if folder is not None else os.environ.get("BENCH_DATA")
    return None if chosen is None else Path(chosen)


def results_folder(folder: Folder) -> Path:
    """The folder of the run store: as given, else BENCH_RESULTS, else ``results/runs``."""
    return Path(folder or os.environ.get("BENCH_RESULTS") or Path("results") / "runs")


def open_store(results: Folder, *, must_exist: bool = False) -> Store:
    """The run store.

    Raises:
        StoreError: it must exist and does not.
    """
    from bench.store.store import Store

    folder = results_folder(results)
    if must_exist and not folder.is_dir():
        raise StoreError(f"there is no run store at {folder}", hint="make one with bench.run")
    return Store(folder)


def current_of(results: Folder, data_dir: Folder = None, *, by_subject: bool = True) -> Current:
    """The records of a store; what is not a record or not known to be current is in a warning.

    Without numbers by subject, where these are not needed, they are read in half of the time.
    """
    from bench.planning.staleness import read_current

    store = open_store(results, must_exist=True)
    current = read_current(store, by_subject=by_subject, data_dir=data_folder(data_dir))
    for one in current.broken:
        warnings.warn(f"{one.path} is left out: {one.problem}", stacklevel=3)
    for note in current.unchecked:
        warnings.warn(note, stacklevel=3)
    return current


def cell_of(store: Store, cell: Record | str) -> Record:
    """The record of a cell, which is given itself or by its name.

    Raises:
        StoreError, UnknownName: no such cell, see `bench.store.naming.find_cell`.
    """
    from bench.store.naming import find_cell

    return find_cell(store, cell) if isinstance(cell, str) else cell


def predictions_of(record: Record | str, results: Folder) -> Path:
    """The folder with the kept predictions of a cell, all of them there.

    Raises:
        StoreError: they were not kept, or a file is missing.
    """
    from bench.store.predictions import require_whole

    store = open_store(results, must_exist=True)
    cell = cell_of(store, record)
    folder = store.prediction_folder(cell.key)
    if not folder.is_dir():
        raise StoreError(
            f"the predictions of cell {cell.key} were not kept in {folder.parent}",
            hint='run it again with keep="maps" and force=True',
        )
    require_whole(folder, cell)
    return folder


def all_cards() -> Cards:
    """The cards that a report takes titles and headline metrics from."""
    from bench import registry
    from bench.report import Cards

    return Cards(
        datasets=registry.load_datasets(),
        methods=registry.load_methods(),
        protocols=registry.load_protocols(),
    )


def write_text(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all; its folder is made.

    Raises:
        UsageError: it cannot be written.
    """
    from bench import atomic

    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
    return path
