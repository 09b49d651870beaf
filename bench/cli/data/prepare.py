"""``bench data prepare``: fill the cache with what the tasks of a dataset need."""

from __future__ import annotations

from pathlib import Path

import typer

from bench import registry
from bench.cards import DEFAULT_BUDGET
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.cores import usable_cores
from bench.display import display_for
from bench.errors import UsageError


def prepare(
    name: DatasetName,
    data_dir: o.DataDir = None,
    budget: o.BudgetName = DEFAULT_BUDGET,
    jobs: o.Processes = None,
) -> None:
    """Prepare all subjects that the tasks of a dataset need, in parallel; exit 1 on errors.

    A dataset without tasks is prepared for the tasks that learn from it.

    Example: bench data prepare mslub --data-dir ~/data --budget paper
    """
    registry.dataset(name)
    tasks = _tasks_with(name, data_dir)
    if not tasks:
        raise UsageError(f"no task uses dataset {name!r}", hint="bench list tasks")
    from bench.data.cache.folder import cache_dir
    from bench.executors.warming import warm_cache
    from bench.planning.plan import make_plan
    from bench.planning.request import RunArguments, check_request

    # Any method will do: how images are prepared does not depend on it.
    request = check_request(RunArguments(method=["intensity"], task=tasks, budget=budget, seeds=1))
    cache = cache_dir()
    with display_for() as progress:
        plan = make_plan(request, data_dir=data_dir, cache=cache, progress=progress.files)
        faults = warm_cache(plan.cells, cache, jobs or usable_cores(), progress.files)
    for files, fault in faults:
        typer.echo(f"error: subject {files.subject} of {files.dataset}: {fault}", err=True)
    typer.echo(f"{name}: prepared for {', '.join(tasks)} in {cache}")
    raise typer.Exit(bool(faults))


def _tasks_with(name: str, data_dir: Path | None) -> list[str]:
    """The tasks that test on a dataset, else those that learn from it, best with files there."""
    tasks = registry.all_tasks()
    tested_on = {full: one.test_dataset(full) for full, one in tasks.items()}
    own = [full for full, dataset in tested_on.items() if dataset == name]
    learning = [full for full, one in tasks.items() if one.train_on == name]
    there = [full for full in learning if data_dir and (data_dir / tested_on[full]).is_dir()]
    return own or there or learning
