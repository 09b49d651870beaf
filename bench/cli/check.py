"""``bench check``: the gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.errors import counted

if TYPE_CHECKING:
    from bench.planning.staleness import Current
    from bench.report import SummaryRow

_NOTHING = (
    "nothing was compared, so nothing is known: the baseline and the current records of the store "
    "share no number\nbench suite gate runs the cells of the gate; --baseline names another file"
)


def check(
    baseline: Annotated[
        Path, typer.Option("--baseline", help="The numbers to hold the store against.")
    ] = Path("results") / "baseline.json",
    update: Annotated[
        bool, typer.Option("--update", help="Make the store's numbers the new baseline.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why the numbers moved; --update records it.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Also write the table for a CI summary.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")
    ] = None,
    as_json: o.AsJson = False,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Compare the store with the baseline; exit 1 where a number moved, or none is there.

    Runs nothing. Gains count as losses do: both need a look, and then --update.

    Example: bench suite gate --results build/gate && bench check --results build/gate
    """
    from bench.errors import StoreError, UsageError

    if reason is not None and not update:
        raise UsageError("--reason is recorded by --update only", hint="add --update")
    if not results.is_dir():
        raise StoreError(
            f"there is no run store at {results}", hint="bench suite gate, or --results DIR"
        )
    if update:
        _update(baseline, results, data_dir, reason)
        return
    raise typer.Exit(_compare(baseline, results, data_dir, markdown, junit, as_json))


def _compare(
    path: Path,
    results: Path,
    data_dir: Path | None,
    markdown: Path | None,
    junit: Path | None,
    as_json: bool,
) -> int:
    """Print and write what moved; the exit code."""
    import sys

    from bench.api.places import write_text
    from bench.gate import (
        compare,
        compared,
        fails,
        read_baseline,
        summary_line,
        to_json,
        to_junit,
        to_table,
    )
    from bench.report import print_tables
    from bench.report.formats.markdown import to_markdown

    baseline = read_baseline(path)
    rows, current = _rows(results, data_dir)
    checked = compare(baseline, rows, current.older)
    table = to_table(checked, baseline.noise)
    if markdown is not None:
        typer.echo(f"written: {write_text(markdown, to_markdown([table]))}", err=True)
    if junit is not None:
        typer.echo(f"written: {write_text(junit, to_junit(checked))}", err=True)
    if as_json:
        typer.echo(to_json(checked, baseline.noise), nl=False)
    elif sys.stdout.isatty():
        print_tables([table])
    else:
        typer.echo(to_markdown([table]))
    typer.echo(summary_line(checked), err=True)
    if not fails(checked):
        return 0
    if compared(checked) == 0:
        typer.echo(_NOTHING, err=True)
        return 1
    typer.echo(
        "intended? bench check --update --reason 'why' makes it the baseline",
        err=True,
    )
    return 1


def _update(path: Path, results: Path, data_dir: Path | None, reason: str | None) -> None:
    from bench.errors import StoreError
    from bench.gate import obstacles, read_baseline, write_baseline

    rows, current = _rows(results, data_dir)
    wrong = obstacles(current.records)
    if wrong:
        raise StoreError(
            f"the store {results} cannot become a baseline: {'; '.join(wrong)}",
            hint="run what is missing, or leave it out of the store",
        )
    old = read_baseline(path) if path.exists() else None
    new = write_baseline(path, old, rows, current.records, reason)
    change = new.history[-1]
    differ = f"; {change.moved} are new, gone or of another value" if old else ""
    typer.echo(f"written: {path}: {counted(change.rows, 'number')}{differ}", err=True)


def _rows(results: Path, data_dir: Path | None) -> tuple[list[SummaryRow], Current]:
    """The store's current numbers, and the records behind them."""
    from bench import registry
    from bench.cli.tables import read_current
    from bench.report import summarise
    from bench.store.store import Store

    current = read_current(Store(results), data_dir)
    rows = summarise(
        current.records,
        registry.load_datasets(),
        registry.load_protocols(),
        older=current.older,
    )
    return rows, current
