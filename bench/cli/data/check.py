"""``bench data check``: read every file of a dataset and name what is wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.cores import usable_cores
from bench.display import display_for

if TYPE_CHECKING:
    from bench.data.findings import Finding


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

    sizes = sorted({one.image_size for one in registry.load_budgets().values()})
    with display_for() as progress:
        findings = check_dataset(
            card, data_dir, cache_dir(), progress.files, jobs=usable_cores(), sizes=sizes
        )
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
