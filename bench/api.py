"""The library's side of the command line: the same runs, records and tables, from Python.

Numbers come out as in ``bench report --format json``: fractions from 0 to 1. Folders default to
those of the command line: ``results`` to BENCH_RESULTS, else ``results/runs``; ``data_dir`` to
BENCH_DATA.

Cells run in processes of their own, which import the starting script again. A script that calls
`run` must therefore do so under ``if __name__ == "__main__":``.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import StoreError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.cards import MethodCard, ProtocolCard
    from bench.planning.plan import Cell
    from bench.planning.request import Keep, Request
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
    data_dir: Folder = None,
    results: Folder = None,
) -> list[Record]:
    """Run methods on tasks, as ``bench run``: what is done already is not done again.

    Args:
        method: names, ``path/to/file.py:Class``, or cards of methods of your own; a card's class
            must lie in a module that can be imported.
        task: full names, ``dataset/task``.
        dataset: stands for all its tasks.
        train_on: dataset to learn from instead of the card's.
        budget: ``smoke``, ``quick`` or ``paper``.
        seeds: how many; None takes the budget's.
        settings: by ``key``, for every method, or ``method:key``.
        device: where to compute.
        jobs: cells at once.
        keep: what of the predictions to keep.
        force: run done cells again, fits included.
        data_dir: where data lie, a folder per dataset; embedded datasets need none.
        results: the run store.

    Returns:
        The records of all cells asked for, in the order of methods within tasks; `status` tells
        which are done, skipped or failed.

    Raises:
        UsageError: a wrong name, setting or combination.
        DataError: files are missing.
    """
    from bench.data.cache.folder import cache_dir
    from bench.execution.outcome import Surroundings
    from bench.execution.seeding import resolve_device
    from bench.executors.local import LocalExecutor
    from bench.planning.plan import find_record, is_wanted

    started = time.time()
    if device != "auto":
        resolve_device(device)
    cells = _cells(_request(method, task, dataset, train_on, budget, seeds, settings), data_dir)
    store = _store(results)
    store.open_for_writing()
    store.sweep()
    place = Surroundings(
        results=store.root.resolve(),
        cache=cache_dir(),
        device=device,
        keep=keep,
        command="bench.run",
        fresh_after=started if force else None,
    )
    wanted = [cell for cell in cells if is_wanted(store, cell, force=force)]
    LocalExecutor(place, jobs).run(wanted, lambda event: None)
    return [record for cell in cells if (record := find_record(store, cell))]


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

    Returns:
        One line per cell: task, method, config, train_on, budget, seed, state (``done``,
        ``missing``, ``failed``, ...), key and fit.

    Raises:
        UsageError, DataError: as `run`.
    """
    import pandas as pd

    from bench.planning.plan import cell_state

    store = _store(results)
    cells = _cells(_request(method, task, dataset, train_on, budget, seeds, settings), data_dir)
    columns = ["task", "method", "config", "train_on", "budget", "seed", "state", "key", "fit"]
    lines = [
        (cell.task, cell.fit.method.name, cell.settings, cell.train_on, cell.fit.budget.name,
         cell.fit.seed, cell_state(store, cell), cell.key, cell.fit.key)
        for cell in cells
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def load_records(results: Folder = None, *, stale: bool = False) -> list[Record]:
    """Every record of a store, with per-subject numbers, costs and provenance.

    Args:
        results: the run store.
        stale: also those whose method or dataset card has moved on since.

    Raises:
        StoreError: there is no store.
    """
    from bench.planning.staleness import is_stale

    store = _store(results, must_exist=True)
    records, broken = store.read_all()
    for one in broken:
        warnings.warn(f"{one.path} is left out: {one.problem}", stacklevel=2)
    return [record for record in records if stale or not is_stale(record)]


def load_results(
    results: Folder = None, *, protocol: str | None = None, stale: bool = False
) -> pd.DataFrame:
    """The numbers of a store, averaged over seeds.

    Args:
        results: the run store.
        protocol: only this one; None gives all.
        stale: as `load_records`.

    Returns:
        One line per task, method, config, train_on, budget, protocol and metric, with the columns
        of ``bench report --format csv``; ``config`` is a dict. What is unknown is NaN or None.
    """
    import pandas as pd

    from bench import registry
    from bench.report import summarise
    from bench.report.rows.summary import COSTS, JSON_KEYS

    rows = summarise(
        load_records(results, stale=stale),
        registry.load_datasets(),
        registry.load_protocols(),
        protocol=registry.protocol(protocol).id if protocol else None,
    )
    columns = [key for key in JSON_KEYS if key != "cost"]
    lines = [
        [*(getattr(row, key) for key in columns), *(row.cost[key] for key in COSTS)] for row in rows
    ]
    return pd.DataFrame(lines, columns=[*columns, *COSTS])


def read_predictions(
    record: Record | str, results: Folder = None, *, role: Role = "test"
) -> Iterator[SubjectPrediction]:
    """The raw maps and scores of a cell, with the truth, one subject at a time.

    Args:
        record: of `run` or `load_records`, or a cell's key.
        results: the run store.
        role: ``test``, or ``validation`` for the normal images thresholds are calibrated on.

    Raises:
        StoreError: they were not kept, or a file is damaged.
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
        rows: ``published`` for the rows of papers alone, beside their measured values.
        stale: as `load_records`.
    """
    from bench import registry
    from bench.report import Cards, build_report

    return build_report(
        load_records(results, stale=stale),
        Cards(
            datasets=registry.load_datasets(),
            methods=registry.load_methods(),
            protocols=registry.load_protocols(),
        ),
        registry.load_rows(),
        protocol=registry.protocol(protocol).id if protocol else None,
        which=rows,
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
    from bench.planning.request import Request, RunArguments, choose_settings, choose_tasks

    methods = [method] if isinstance(method, str | MethodCard) else list(method)
    if not methods:
        raise UsageError("no method was named", hint="bench list methods")
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds={seeds} must be 1 or more")
    cards = [registry.method(one) if isinstance(one, str) else one for one in methods]
    arguments = RunArguments(task=_list(task), dataset=_list(dataset), train_on=train_on)
    chosen = registry.budget(budget)
    return Request(
        methods=choose_settings(
            cards, [f"{key}={json.dumps(value)}" for key, value in (settings or {}).items()]
        ),
        tasks=choose_tasks(arguments),
        budget=chosen,
        seeds=seeds or chosen.seeds,
    )


def _list(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _cells(request: Request, data_dir: Folder) -> tuple[Cell, ...]:
    from bench.data.cache.folder import cache_dir
    from bench.planning.plan import make_plan

    folder = data_dir if data_dir is not None else os.environ.get("BENCH_DATA")
    data = None if folder is None else Path(folder)
    return make_plan(request, data_dir=data, cache=cache_dir()).cells


def _store(results: Folder, *, must_exist: bool = False) -> Store:
    from bench.store.store import Store

    folder = Path(results or os.environ.get("BENCH_RESULTS") or Path("results") / "runs")
    if must_exist and not folder.is_dir():
        raise StoreError(f"there is no run store at {folder}", hint="make one with bench.run")
    return Store(folder)


def _predictions(record: Record | str, results: Folder) -> Path:
    key = record if isinstance(record, str) else record.key
    folder = _store(results, must_exist=True).prediction_folder(key)
    if not folder.is_dir():
        raise StoreError(
            f"the predictions of cell {key} were not kept in {folder.parent}",
            hint='run it again with keep="maps" and force=True',
        )
    return folder
