"""``bench data list``: the dataset cards, and whether their files are there."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.listing import COLUMNS, Kind, entries, lines, terminal_width


def list_datasets(data_dir: o.DataDir = None, as_json: o.AsJson = False) -> None:
    """List the dataset cards and whether their files are there.

    Example: bench data list --data-dir ~/data
    """
    rows = [{**row, "files": _presence(row["name"], data_dir)} for row in entries(Kind.datasets)]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    for line in lines(rows, ("name", "files", *COLUMNS[Kind.datasets][1:]), terminal_width()):
        typer.echo(line)


def _presence(name: str, data_dir: Path | None) -> str:
    """Where a dataset's files are, in words."""
    card = registry.dataset(name)
    if card.generator is not None:
        return "embedded"
    if data_dir is None:
        return "say --data-dir"
    return "there" if (data_dir / name).is_dir() else f"no folder {data_dir / name}"
