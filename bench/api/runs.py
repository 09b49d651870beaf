"""Runs and plans, from Python."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from bench.api.places import Folder, Names, as_list, data_folder, results_folder
from bench.errors import RunError

if TYPE_CHECKING:
    import pandas as pd

    from bench.cards import MethodCard
    from bench.planning.request import Keep, Request
    from bench.store.records import Record


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
        budget: ``smoke``, ``small``, ``quick`` or ``paper``.
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
            dataset=as_list(dataset),
            task=as_list(task),
            train_on=train_on,
            budget=budget,
            seeds=seeds,
            settings=settings or {},
        )
    )
