"""The library's side of the command line: the same runs, records and tables, from Python.

Numbers come out as in ``bench report --format json``: fractions from 0 to 1. Folders default to
those of the command line: ``results`` to BENCH_RESULTS, else ``results/runs``; ``data_dir`` to
BENCH_DATA.

Cells run in processes of their own, which import the starting script again. A script that calls
`run` must therefore do so under ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import RunError, StoreError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.cards import MethodCard, ProtocolCard
    from bench.planning.request import Keep, Request
    from bench.planning.staleness import Current
    from bench.report import Report, Table
    from bench.store.predictions import Role, SubjectPrediction
    from bench.store.records import ProtocolNumbers, Record
    from bench.store.store import Store

Folder = Path | str | None
Names = str | Sequence[str]


def run(
    method: str | MethodCard | Sequence[str | MethodCard],
    *,
    task: Names = (),
    dataset: Names = (),
    train_on: str | None = None,
    budget: str = "quick",
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    jobs: int = 1,
    keep: Keep = "maps",
    force: bool = False,
    retry: int = 0,
    time_limit: float | None = None,
    memory_limit: float | None = None,
    data_dir: Folder = None,
    results: Folder = None,
) -> list[Record]:
    """Run methods on tasks, as ``bench run``: what is done already is not done again.

    Args:
        method: names, ``path/to/file.py:Class``, or cards of methods of your own; a card's class
            must be in a module that can be imported.
        task: full names, ``dataset/task``.
        dataset: stands for all its tasks.
        train_on: dataset to learn from instead of the card's.
        budget: ``smoke``, ``quick`` or ``paper``.
        seeds: how many; None takes the budget's.
        settings: values by ``key``, for every method, or ``method:key``. Python's and NumPy's
            numbers, bools, strings, paths, enumerations, None, lists and dictionaries.
        device: where to compute.
        jobs: cells at once.
        keep: what of the predictions to keep.
        force: run done cells again, fits included.
        retry: how often a cell is run again that was killed or ran out of memory.
        time_limit: minutes per cell; the budget's limit holds too.
        memory_limit: gigabytes (10**9 bytes) per cell, over all its processes.
        data_dir: where data are, a folder per dataset; embedded datasets need none.
        results: the run store.

    Returns:
        The records of all cells asked for, in the order of methods within tasks; `status` tells
        which are done, skipped or failed.

    Raises:
        UsageError: a wrong name, setting or combination.
        DataError: files are missing.
        RunError: a record could not be written; the message names the cells. Records of the
            others are in the store.
    """
    from bench.executors.session import RunOptions, Session

    request = _request(method, task, dataset, train_on, budget, seeds, settings)
    session = Session(
        RunOptions(
            results=_results(results),
            command="bench.run",
            data_dir=_data_dir(data_dir),
            device=device,
            keep=keep,
            jobs=jobs,
            force=force,
            retry=retry,
            time_limit_minutes=time_limit,
            memory_limit_gb=memory_limit,
        )
    )
    session.open()
    ended = session.run(session.plan([request]))
    if ended.unrecorded:
        lines = [f"{cell.label}: {reason}" for cell, reason in ended.unrecorded]
        raise RunError(
            "\n  ".join(
                [f"{len(lines)} of {len(lines) + len(ended.records)} cells have no record:", *lines]
            ),
            hint="remove the cause and run the same again: what is done stays done",
        )
    return list(ended.records)


def plan_run(
    method: str | MethodCard | Sequence[str | MethodCard],
    *,
    task: Names = (),
    dataset: Names = (),
    train_on: str | None = None,
    budget: str = "quick",
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    data_dir: Folder = None,
    results: Folder = None,
) -> pd.DataFrame:
    """What `run` with the same arguments would do; runs nothing.

    The store notes which files were found: its records of other files are stale from then on.

    Returns:
        One line per cell: task, method, config, train_on, budget, seed, state (``done``,
        ``missing``, ``failed``, ...), key and fit.

    Raises:
        UsageError, DataError: as `run`.
    """
    import pandas as pd

    from bench.executors.session import RunOptions, Session
    from bench.planning.plan import cell_states

    request = _request(method, task, dataset, train_on, budget, seeds, settings)
    options = RunOptions(_results(results), "bench.plan_run", data_dir=_data_dir(data_dir))
    session = Session(options)
    agenda = session.plan([request])
    columns = ["task", "method", "config", "train_on", "budget", "seed", "state", "key", "fit"]
    lines = [
        (cell.task, cell.fit.method.name, cell.settings, cell.train_on, cell.fit.budget.name,
         cell.fit.seed, state, cell.key, cell.fit.key)
        for cell, state in cell_states(session.store, agenda.cells)
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def load_records(results: Folder = None, *, stale: bool = False) -> list[Record]:
    """The current records of a store, with per-subject numbers, costs and provenance.

    Args:
        results: the run store.
        stale: also those of older files, cards or versions; they come last.

    Raises:
        StoreError: the store does not exist.
    """
    current = _current(results)
    return [*current.records, *(current.older if stale else ())]


def load_results(
    results: Folder = None, *, protocol: str | None = None, stale: bool = False
) -> pd.DataFrame:
    """The numbers of a store, averaged over seeds.

    Args:
        results: the run store.
        protocol: only this one; None gives all.
        stale: also numbers of older files, cards or versions, in rows with status ``stale``.

    Returns:
        One line per task, method, config, train_on, budget, protocol and metric, with the columns
        of ``bench report --format csv``; ``config`` is a dict. What is unknown is NaN or None.
    """
    import pandas as pd

    from bench import registry
    from bench.report import summarise
    from bench.report.rows.columns import COSTS, JSON_KEYS, LEARNED

    current = _current(results)
    rows = summarise(
        current.records,
        registry.load_datasets(),
        registry.load_protocols(),
        protocol=registry.protocol(protocol).id if protocol else None,
        older=current.older,
        show_older=stale,
    )
    columns = [key for key in JSON_KEYS if key not in ("cost", "learned")]
    lines = [
        [
            *(getattr(row, key) for key in columns),
            *(row.cost[key] for key in COSTS),
            *((row.learned or {}).get(key) for key in LEARNED),
        ]
        for row in rows
    ]
    return pd.DataFrame(lines, columns=[*columns, *COSTS, *LEARNED])


def read_predictions(
    record: Record | str, results: Folder = None, *, role: Role = "test"
) -> Iterator[SubjectPrediction]:
    """The raw maps and scores of a cell, with the truth, one subject at a time.

    Args:
        record: of `run` or `load_records`, or a cell's key.
        results: the run store.
        role: ``test``, or ``validation`` for the normal images thresholds are calibrated on.

    Raises:
        StoreError: they were not kept, or a file is missing or damaged.
    """
    from bench.store.predictions import read_predictions as read

    return read(_predictions(record, results), role)


def apply_protocol(
    protocol: str | ProtocolCard, record: Record | str, results: Folder = None
) -> ProtocolNumbers:
    """Turn kept predictions into the numbers of any protocol, without training.

    Args:
        protocol: ``name@version``, or a card of your own.
        record: as `read_predictions`.
        results: the run store; it is not changed.

    Raises:
        UnknownName: no such protocol.
        StoreError: as `read_predictions`.
    """
    from bench import registry
    from bench.protocol import apply_protocol as apply
    from bench.store.predictions import read_predictions as read

    card = registry.protocol(protocol) if isinstance(protocol, str) else protocol
    folder = _predictions(record, results)

    def subjects() -> Iterator[SubjectPrediction]:
        yield from read(folder, "test")
        yield from read(folder, "validation")

    return apply(card, subjects)


def make_report(
    results: Folder = None,
    *,
    protocol: str | None = None,
    rows: Literal["all", "published"] = "all",
    stale: bool = False,
) -> Report:
    """The tables of ``bench report``.

    Args:
        results: the run store.
        protocol: the only one to report; None shows each task's headline protocol.
        rows: ``published`` for the rows of papers alone, next to their measured values.
        stale: also older numbers, in lines that say so.
    """
    from bench import registry
    from bench.report import Cards, build_report

    current = _current(results)
    return build_report(
        current.records,
        Cards(
            datasets=registry.load_datasets(),
            methods=registry.load_methods(),
            protocols=registry.load_protocols(),
        ),
        registry.load_rows(),
        protocol=registry.protocol(protocol).id if protocol else None,
        which=rows,
        older=current.older,
        show_older=stale,
    )


def render_table(what: Report | Table | Sequence[Table], format: str = "markdown") -> str:
    """Write tables as text.

    Args:
        what: of `make_report`, or `Table` objects of your own.
        format: ``markdown`` or ``latex``; of a report also ``csv`` and ``json``.

    Raises:
        UnknownName: another format.
        UsageError: ``csv`` or ``json`` of something else than a report.
    """
    from bench.report import Report, Table, render

    if isinstance(what, Report):
        return render(what, format)
    if format in ("csv", "json"):
        raise UsageError(
            f"{format} is made of a report's rows; a Table can be markdown or latex",
            hint="pass what make_report gives",
        )
    tables = (what,) if isinstance(what, Table) else tuple(what)
    return render(Report(tables=tables, rows=()), format)


def _request(
    method: str | MethodCard | Sequence[str | MethodCard],
    task: Names,
    dataset: Names,
    train_on: str | None,
    budget: str,
    seeds: int | None,
    settings: Mapping[str, Any] | None,
) -> Request:
    from bench import registry
    from bench.cards import MethodCard
    from bench.planning.request import RunArguments, check_request

    for name, error in registry.broken_datasets().items():
        warnings.warn(f"dataset {name!r} cannot be used: {error}", stacklevel=3)
    return check_request(
        RunArguments(
            method=[method] if isinstance(method, str | MethodCard) else list(method),
            dataset=_names(dataset),
            task=_names(task),
            train_on=train_on,
            budget=budget,
            seeds=seeds,
            settings=settings or {},
        )
    )


def _names(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _data_dir(folder: Folder) -> Path | None:
    chosen = folder if folder is not None else os.environ.get("BENCH_DATA")
    return None if chosen is None else Path(chosen)


def _results(folder: Folder) -> Path:
    return Path(folder or os.environ.get("BENCH_RESULTS") or Path("results") / "runs")


def _store(results: Folder, *, must_exist: bool = False) -> Store:
    from bench.store.store import Store

    folder = _results(results)
    if must_exist and not folder.is_dir():
        raise StoreError(f"there is no run store at {folder}", hint="make one with bench.run")
    return Store(folder)


def _current(results: Folder) -> Current:
    """The records of a store; what is not a record or not known to be current is in a warning."""
    from bench.planning.staleness import read_current

    current = read_current(_store(results, must_exist=True), data_dir=_data_dir(None))
    for one in current.broken:
        warnings.warn(f"{one.path} is left out: {one.problem}", stacklevel=3)
    for note in current.unchecked:
        warnings.warn(note, stacklevel=3)
    return current


def _predictions(record: Record | str, results: Folder) -> Path:
    from bench.store.naming import find_cell
    from bench.store.predictions import require_whole

    store = _store(results, must_exist=True)
    cell = find_cell(store, record) if isinstance(record, str) else record
    folder = store.prediction_folder(cell.key)
    if not folder.is_dir():
        raise StoreError(
            f"the predictions of cell {cell.key} were not kept in {folder.parent}",
            hint='run it again with keep="maps" and force=True',
        )
    require_whole(folder, cell)
    return folder
