"""``bench data``: what data sets there are, getting, checking, preparing and showing them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import registry
from bench.cli import data_new
from bench.cli import options as o
from bench.cli.listing import COLUMNS, Kind, entries, lines
from bench.cli.progress import CellProgress
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.data.check.findings import Finding

app = typer.Typer(
    help="Data sets: list, get, new, check, prepare, show.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DatasetName = Annotated[str, typer.Argument(help="Name of a dataset card.")]


@app.command("list")
def list_datasets(data_dir: o.DataDir = None, as_json: o.AsJson = False) -> None:
    """List the dataset cards and whether their files are there.

    Example: bench data list --data-dir ~/data
    """
    rows = [{**row, "files": _presence(row["name"], data_dir)} for row in entries(Kind.datasets)]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for line in lines(rows, ("name", "files", *COLUMNS[Kind.datasets][1:])):
        typer.echo(line)


def _presence(name: str, data_dir: Path | None) -> str:
    """Where a dataset's files are, in words."""
    card = registry.dataset(name)
    if card.generator is not None:
        return "embedded"
    if data_dir is None:
        return "say --data-dir"
    return "there" if (data_dir / name).is_dir() else f"no folder {data_dir / name}"


@app.command()
def check(
    name: DatasetName,
    data_dir: o.DataDir = None,
    as_json: o.AsJson = False,
) -> None:
    """Read every file of a dataset and name what is wrong; exit 1 on errors.

    Example: bench data check mslub --data-dir ~/data
    """
    card = registry.dataset(name)
    from bench.data.cache.folder import cache_dir
    from bench.data.check.dataset import check_dataset

    with CellProgress(0) as progress:
        findings = check_dataset(card, data_dir, cache_dir(), progress.files, jobs=o.usable_cores())
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=1))
    else:
        _print_findings(findings)
        errors = sum(one.severity == "error" for one in findings)
        warnings = sum(one.severity == "warning" for one in findings)
        typer.echo(f"{name}: errors: {errors}, warnings: {warnings}")
    raise typer.Exit(any(one.severity == "error" for one in findings))


def _print_findings(findings: Sequence[Finding]) -> None:
    """A table as wide as the terminal; elsewhere wide enough for most lines."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    table.add_column("severity", no_wrap=True)
    table.add_column("where", overflow="fold", ratio=3)
    table.add_column("problem", overflow="fold", ratio=4)
    table.add_column("remedy", overflow="fold", ratio=3)
    for one in findings:
        table.add_row(one.severity, one.where, one.problem, one.remedy)
    width = None if sys.stdout.isatty() else 180
    Console(width=width, highlight=False, markup=False).print(table)


@app.command()
def get(name: DatasetName, data_dir: o.DataDir = None) -> None:
    """Fetch a dataset, checked by hash; where that is not allowed, say what to do.

    Example: bench data get ixi --data-dir ~/data
    """
    card = registry.dataset(name)
    if card.generator is not None:
        typer.echo(f"{name} is embedded: the first run makes it, or bench data prepare {name}")
        return
    from bench.data.fetch import fetch_dataset

    with CellProgress(0) as progress:
        root = fetch_dataset(card, data_dir, progress.files)
    typer.echo(root)
    typer.echo(f"next: bench data check {name}", err=True)


@app.command()
def prepare(
    name: DatasetName,
    data_dir: o.DataDir = None,
    budget: o.BudgetName = "quick",
    jobs: o.Jobs = None,
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
    from bench.executors.local import warm_cache
    from bench.planning.plan import make_plan
    from bench.planning.request import RunArguments, check_request

    # Any method will do: how images are prepared does not depend on it.
    request = check_request(RunArguments(method=["intensity"], task=tasks, budget=budget, seeds=1))
    cache = cache_dir()
    with CellProgress(0) as progress:
        plan = make_plan(request, data_dir=data_dir, cache=cache, progress=progress.files)
        faults = warm_cache(plan.cells, cache, jobs or o.usable_cores(), progress.files)
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


app.command("new")(data_new.new)


@app.command()
def show(
    name: DatasetName,
    data_dir: o.DataDir = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="PNG; default NAME.png.")] = None,
) -> None:
    """Draw slices of a few subjects with their lesions, and histograms, to a PNG.

    Example: bench data show phantom --out phantom.png
    """
    card = registry.dataset(name)
    from bench.data.cache.folder import cache_dir
    from bench.data.show import show_dataset

    with CellProgress(0) as progress:
        path = show_dataset(card, data_dir, cache_dir(), out or Path(f"{name}.png"), progress.files)
    typer.echo(path)
