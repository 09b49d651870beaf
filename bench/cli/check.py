"""``bench check``: the gate for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o


def check(
    baseline: Annotated[
        Path, typer.Option("--baseline", help="The numbers to hold the store against.")
    ] = Path("results") / "baseline.json",
    update: Annotated[
        bool, typer.Option("--update", help="Make the store's numbers the new baseline.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; recorded by --update.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Also write the table for a CI summary.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")
    ] = None,
    as_json: o.AsJson = False,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Compare the store with the baseline; exit 1 where a number moved or is missing.

    Runs nothing. Gains count as losses do: both need a look, and then --update.

    Example: bench suite gate --results build/gate && bench check --results build/gate
    """
    from bench import registry
    from bench.cli.tables import current_records, write_text
    from bench.errors import StoreError, UsageError
    from bench.gate import compare, is_regression, read_baseline, summary_line, to_table
    from bench.gate import to_json as as_text
    from bench.gate import to_junit as as_junit
    from bench.report import print_tables, summarise
    from bench.report.markdown import to_markdown
    from bench.store import Store

    if reason is not None and not update:
        raise UsageError("--reason is recorded by --update only", hint="add --update")
    store = Store(results)
    if not store.root.is_dir():
        raise StoreError(
            f"there is no run store at {results}", hint="bench suite gate, or --results DIR"
        )
    known = None if update and not baseline.exists() else read_baseline(baseline)
    records = current_records(store, stale=False)
    rows = summarise(records, registry.load_datasets(), registry.load_protocols())
    if update:
        _update(baseline, known, rows, records, reason)
        return
    if known is None:  # cannot be: read_baseline raises where there is none
        raise StoreError(f"there is no baseline at {baseline}")
    findings = compare(known, rows)
    table = to_table(findings, known.noise)
    if markdown is not None:
        typer.echo(f"written: {write_text(markdown, to_markdown([table]))}", err=True)
    if junit is not None:
        typer.echo(f"written: {write_text(junit, as_junit(findings))}", err=True)
    if as_json:
        typer.echo(as_text(findings, known.noise), nl=False)
    else:
        print_tables([table])
    typer.echo(summary_line(findings), err=True)
    raise typer.Exit(1 if is_regression(findings) else 0)
