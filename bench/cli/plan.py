"""``bench plan``: what a run would do, and the disk it needs."""

from __future__ import annotations

import json
from collections import Counter

import typer

from bench.cli import options as o
from bench.cli.progress import CellProgress
from bench.request import RunArguments, check_request


def plan(
    method: o.Methods = [],  # noqa: B006 - Typer copies it
    dataset: o.Datasets = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    train_on: o.TrainOn = None,
    budget: o.BudgetName = "quick",
    seeds: o.Seeds = None,
    settings: o.Settings = [],  # noqa: B006
    keep: o.Keeping = o.KeepOption.maps,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
    as_json: o.AsJson = False,
) -> None:
    """Show what `bench run` with the same options would do; runs nothing.

    Example: bench plan --method proxyano --dataset phantom --budget smoke
    """
    request = check_request(RunArguments(method, dataset, task, train_on, budget, seeds, settings))
    from bench.data.cache import cache_dir
    from bench.plan import cell_state, disk_bytes, make_plan
    from bench.store import Store

    store = Store(results)
    with CellProgress(0) as progress:
        made = make_plan(request, data_dir=data_dir, cache=cache_dir(), progress=progress.files)
    states = [(cell, cell_state(store, cell)) for cell in made.cells]
    new_fits = {
        cell.fit.key
        for cell, state in states
        if state != "done" and not store.fit_folder(cell.fit.key).is_dir()
    }
    need = disk_bytes([cell for cell, state in states if state != "done"], keep.value)
    if as_json:
        rows = [
            {
                "task": cell.task,
                "method": cell.fit.method.name,
                "config": cell.settings,
                "train_on": cell.train_on,
                "budget": cell.fit.budget.name,
                "seed": cell.fit.seed,
                "state": state,
                "key": cell.key,
                "fit": cell.fit.key,
            }
            for cell, state in states
        ]
        typer.echo(
            json.dumps({"cells": rows, "new_fits": len(new_fits), "disk_bytes": need}, indent=1)
        )
        return
    width = max(len(cell.task) for cell, _ in states)
    for cell, state in states:
        typer.echo(
            f"{state:<11}  {cell.task:<{width}}  {cell.key[:12]}  "
            f"{cell.fit.method.name}, seed {cell.fit.seed}, trained on {cell.train_on}"
        )
    counts = ", ".join(f"{n} {state}" for state, n in Counter(s for _, s in states).items())
    typer.echo(f"{len(states)} cells: {counts}; {len(new_fits)} fits to train")
    typer.echo(f"predictions to keep: at most {need / 2**20:.0f} MB in {results}")
