"""``bench plan``: what a run would do, and the disk it needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cards import DEFAULT_BUDGET
from bench.cli import completion
from bench.cli import options as o
from bench.cli.execution import run_options
from bench.display import display_for
from bench.errors import UsageError, counted
from bench.planning.request import RunArguments, check_request
from bench.planning.suite import find_suite, read_suite

if TYPE_CHECKING:
    from bench.planning.plan import Cell, State


def plan(
    method: o.Methods = [],  # noqa: B006 - Typer copies it
    dataset: o.Datasets = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    train_on: o.TrainOn = None,
    budget: o.BudgetName = DEFAULT_BUDGET,
    seeds: o.Seeds = None,
    settings: o.Settings = [],  # noqa: B006
    yardsticks: o.Yardsticks = True,
    device: o.DeviceOption = o.Device.auto,
    jobs: o.Jobs = None,
    executor: o.Executors = "local",
    keep: o.Keeping = o.KeepOption.maps,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
    force: o.Force = False,
    only: o.Only = [],  # noqa: B006
    retry: o.Retry = 0,
    time_limit: o.TimeLimit = None,
    memory_limit: o.MemoryLimit = None,
    log: o.Log = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            help="Plan what bench suite would run: a file, or a shipped name.",
            autocompletion=completion.suites,
        ),
    ] = None,
    as_json: o.AsJson = False,
) -> None:
    """Show what `bench run` with the same options would do; runs nothing.

    The store notes which files were found: its records of other files are stale from then on.

    Takes all options of `bench run`; --device, --jobs, --executor, --retry, --log and the limits
    change nothing here.

    Examples: bench plan --method proxyano --dataset phantom --budget smoke;
    bench plan --suite smoke
    """
    if suite is not None:
        if method or dataset or task or settings or train_on or seeds:
            raise UsageError(
                "--suite says which cells to plan: leave out --method, --task and such"
            )
        _, requests = read_suite(find_suite(suite))
    else:
        arguments = RunArguments(
            method, dataset, task, train_on, budget, seeds, settings, yardsticks=yardsticks
        )
        requests = [check_request(arguments)]
    from bench.executors.session import Session
    from bench.executors.table import load_executor
    from bench.planning.disk import disk_bytes
    from bench.planning.dropped import dropped_lines
    from bench.planning.foreground import foreground_lines
    from bench.planning.lesions_kept import truth_lines
    from bench.planning.plan import cell_states
    from bench.planning.positions import position_lines
    from bench.planning.training import training_lines

    load_executor(executor)
    options = run_options(
        results,
        data_dir,
        device,
        jobs,
        keep,
        force,
        executor,
        only=only,
        retry=retry,
        time_limit=time_limit,
        memory_limit=memory_limit,
        log=log,
    )
    session = Session(options)
    store = session.store
    with display_for(quiet=quiet, verbose=verbose) as progress:
        agenda = session.plan(requests, progress.files)
    states = cell_states(store, agenda.cells)
    todo = agenda.wanted
    fits = {one.fit.key for one in todo if force or not store.fit_folder(one.fit.key).is_dir()}
    need = disk_bytes(todo, keep.value)
    if as_json:
        content = {"cells": _rows(states, session.cache), "new_fits": len(fits), "disk_bytes": need}
        typer.echo(json.dumps(content, indent=1))
        return
    width = max((len(cell.task) for cell, _ in states), default=0)
    for cell, state in states:
        typer.echo(
            f"{state:<11}  {cell.task:<{width}}  {cell.key[:12]}  "
            f"{cell.fit.method.name}, seed {cell.fit.seed}, trained on {cell.train_on}"
        )
    counts = ", ".join(f"{n} {state}" for state, n in Counter(s for _, s in states).items())
    typer.echo(
        f"{counted(len(states), 'cell')}: {counts or 'none'}; {len(todo)} to run, "
        f"{counted(len(fits), 'fit')} to train"
    )
    for line in sorted({f"{f.where}: {f.problem}" for s in agenda.sources for f in s.findings}):
        typer.echo(line)
    for tell in (training_lines, dropped_lines, truth_lines, foreground_lines, position_lines):
        for line in tell(agenda.cells, session.cache):
            typer.echo(line)
    if todo:
        size = f"{max(need / 2**20, 1):.0f} MB"
        typer.echo(f"predictions to keep: at most {size} in {results}")


def _rows(states: Sequence[tuple[Cell, State]], cache: Path) -> list[dict[str, Any]]:
    from bench.planning.training import training_counts

    fits = {(cell.task, cell.train_on): cell.fit for cell, _ in states}
    learned = {name: training_counts(fit, cache) for name, fit in fits.items()}
    return [
        {
            "task": cell.task,
            "method": cell.fit.method.name,
            "config": cell.settings,
            "train_on": cell.train_on,
            "budget": cell.fit.budget.name,
            "seed": cell.fit.seed,
            "train_subjects": learned[cell.task, cell.train_on][0],
            "train_images": learned[cell.task, cell.train_on][1],
            "state": state,
            "key": cell.key,
            "fit": cell.fit.key,
        }
        for cell, state in states
    ]
