"""``bench data``: what data sets there are, whether they are sound, and how they look."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.listing import COLUMNS, Kind, entries, lines
from bench.cli.progress import CellProgress

app = typer.Typer(
    help="Look at data sets: list, check, show.", no_args_is_help=True, rich_markup_mode=None
)

DatasetName = Annotated[str, typer.Argument(help="Name of a dataset card.")]


@app.command("list")
def list_datasets(data_dir: o.DataDir = None, as_json: o.AsJson = False) -> None:
    """List the dataset cards and whether their files are there."""
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
    """Read every file of a dataset and name what is wrong; exit 1 on errors."""
    card = registry.dataset(name)
    from bench.data.cache import cache_dir
    from bench.data.check import check_dataset

    with CellProgress(0) as progress:
        findings = check_dataset(card, data_dir, cache_dir(), progress.files)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in findings], indent=1))
    else:
        for one in findings:
            typer.echo(
                f"{one.severity:<7}  {one.where}: {one.problem}\n         remedy: {one.remedy}"
            )
        errors = sum(one.severity == "error" for one in findings)
        warnings = sum(one.severity == "warning" for one in findings)
        typer.echo(f"{name}: {errors} errors, {warnings} warnings")
    raise typer.Exit(any(one.severity == "error" for one in findings))


@app.command()
def show(
    name: DatasetName,
    data_dir: o.DataDir = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="PNG; default NAME.png.")] = None,
) -> None:
    """Draw slices of a few subjects with their lesions, and histograms, to a PNG."""
    card = registry.dataset(name)
    from bench.data.cache import cache_dir
    from bench.data.show import show_dataset

    with CellProgress(0) as progress:
        path = show_dataset(card, data_dir, cache_dir(), out or Path(f"{name}.png"), progress.files)
    typer.echo(path)
