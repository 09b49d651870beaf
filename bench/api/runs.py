"""Runs and plans, from Python."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from bench.api.main_guard import require_guard
from bench.api.places import Folder, Names, as_list, data_folder, results_folder
from bench.errors import RunError, counted_of

if TYPE_CHECKING:
    import pandas as pd

    from bench.cards import MethodCard
    from bench.display import Callback
    from bench.planning.request import Keep, Request
    from bench.store.records import Record

    Method = str | MethodCard | type


def run(
    method: Method | Sequence[Method],
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
    log: str | None = None,
    progress: bool | Callback | None = None,
    data_dir: Folder = None,
    results: Folder = None,
) -> list[Record]:
    """Run methods on tasks, as ``bench run``: what is done already is not done again.

    Yardsticks are not added here: name those that a table is to have (``random``, ``constant``,
    ``equalized``; of images ``area`` and ``statistics``, of volumes ``position``).

    Args:
        method: names, ``path/to/file.py:Class``, detector classes of your own, also of a notebook,
            or cards of methods of your own; a card's class must be in a module that can be
            imported.
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
        log: ``csv``, ``tensorboard``, ``wandb`` or ``mlflow``: where losses and metrics go too.
        progress: None shows how the run gets on where somebody watches, in a terminal or a
            notebook; True shows it everywhere, False nowhere. A function is called with each
            `bench.Event` of a cell, and with a `bench.FilesEvent` for work on files before.
        data_dir: where data are, a folder per dataset; embedded datasets need none.
        results: the run store.

    Returns:
        The records of all cells asked for, in the order of methods within tasks; `status` tells
        which are done, skipped or failed.

    Raises:
        SystemExit: a script calls this at its top level, see above.
        UsageError: a wrong name, setting or combination, or a class of a notebook that uses what
            cannot be written to a file.
        DataError: files are missing.
        RunError: a record could not be written; the message names the cells. Records of the
            others are in the store.
    """
    from bench.display import display_for_library
    from bench.executors.session import RunOptions, Session

    require_guard("bench.run")
    request = _request(method, task, dataset, train_on, budget, seeds, settings, results)
    session = Session(
        RunOptions(
            results=results_folder(results),
            command="bench.run",
            data_dir=data_folder(data_dir),
            device=device,
            keep=keep,
            jobs=jobs,
            force=force,
            retry=retry,
            time_limit_minutes=time_limit,
            memory_limit_gb=memory_limit,
            log=log,
        )
    )
    session.open()
    with display_for_library(progress) as shown:
        agenda = session.plan([request], shown.files)
    with display_for_library(progress, agenda.wanted) as shown:
        ended = session.run(agenda, shown.cell, shown.files)
    if ended.log_fault:
        warnings.warn(f"the log of losses stopped: {ended.log_fault}", stacklevel=2)
    if ended.unrecorded:
        lines = [f"{cell.label}: {reason}" for cell, reason in ended.unrecorded]
        raise RunError(
            "\n  ".join(
                [
                    f"{counted_of(len(lines), len(lines) + len(ended.records), 'cell', 'have')} "
                    "no record:",
                    *lines,
                ]
            ),
            hint="remove the cause and run the same again: what is done stays done",
        )
    return list(ended.records)


def plan_run(
    method: Method | Sequence[Method],
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

    request = _request(method, task, dataset, train_on, budget, seeds, settings, results)
    options = RunOptions(results_folder(results), "bench.plan_run", data_dir=data_folder(data_dir))
    session = Session(options)
    agenda = session.plan([request])
    columns = ["task", "method", "config", "train_on", "budget", "seed", "state", "key", "fit"]
    lines = [
        (cell.task, cell.fit.method.name, cell.settings, cell.train_on, cell.fit.budget.name,
         cell.fit.seed, state, cell.key, cell.fit.key)
        for cell, state in cell_states(session.store, agenda.cells)
    ]  # fmt: skip
    return pd.DataFrame(lines, columns=columns)


def _request(
    method: Method | Sequence[Method],
    task: Names,
    dataset: Names,
    train_on: str | None,
    budget: str,
    seeds: int | None,
    settings: Mapping[str, Any] | None,
    results: Folder,
) -> Request:
    from bench import registry
    from bench.cards import MethodCard
    from bench.planning.request import RunArguments, check_request

    for name, error in registry.broken_datasets().items():
        warnings.warn(f"dataset {name!r} cannot be used: {error}", stacklevel=3)
    asked = [method] if isinstance(method, str | MethodCard | type) else method
    chosen = [_own(one, results) if isinstance(one, type) else one for one in asked]
    return check_request(
        RunArguments(
            method=chosen,
            dataset=as_list(dataset),
            task=as_list(task),
            train_on=train_on,
            budget=budget,
            seeds=seeds,
            settings=settings or {},
        )
    )


def _own(found: type, results: Folder) -> MethodCard:
    """The card of a class that was given as a class."""
    from bench.api.own_class import card_of

    if found.__module__ == "__main__":
        require_guard("bench")  # the script is imported to find the class in it
    return card_of(found, results_folder(results))
