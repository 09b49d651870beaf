"""What the commands print of a store: tables for people, rows for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench.api.places import all_cards, write_text
from bench.errors import agreed, counted
from bench.store.records import Record

if TYPE_CHECKING:
    from bench.cli.options import TableForm
    from bench.planning.staleness import Current
    from bench.report import Report
    from bench.store.store import Store


def print_tables(records: Sequence[Record]) -> None:
    """Print one table per task of some records: drawn in a terminal, Markdown elsewhere."""
    from bench.report import build_report

    if records:
        show(build_report(records, all_cards(), for_tables=True))


def show(report: Report, format: TableForm | None = None) -> None:
    """Print a report's tables to stdout."""
    import sys

    from bench.report import print_tables as draw
    from bench.report import render

    if format is not None:
        typer.echo(render(report, format.value), nl=False)
    elif sys.stdout.isatty():
        draw(report.tables)
    else:
        typer.echo(render(report, "markdown"))


def read_current(
    store: Store, data_dir: Path | None, *, by_subject: bool = True, shown: bool = False
) -> Current:
    """The records of a store; what is left out of a report is named on stderr.

    Args:
        store: the run store.
        data_dir: as in `bench.planning.staleness.read_current`.
        by_subject: with each subject's numbers.
        shown: the stale records are going to be shown, so nobody needs to be warned.
    """
    import gc

    from bench.planning.staleness import names_of, read_current
    from bench.store.store import uncollected

    # Records stay until the end; tracing thousands of them again takes seconds.
    with uncollected():
        current = read_current(store, by_subject=by_subject, data_dir=data_dir)
        gc.freeze()
    for one in current.broken:
        typer.echo(f"warning: {one.path} is left out: {one.problem}", err=True)
    for note in current.unchecked:
        typer.echo(f"note: {note}", err=True)
    if current.older and not shown:
        again = {_request(one) for one in current.records}
        superseded = all(_request(one) in again for one in current.older)
        instead = "all have been run again since" if superseded else "bench run makes them again"
        typer.echo(
            f"{counted(len(current.older), 'stale record')} (files, cards or versions have "
            "changed since) "
            f"{agreed(len(current.older), 'are')} left out: {names_of(current.older)}\n"
            f"{instead}; bench report --stale shows them",
            err=True,
        )
        if not current.records:
            typer.echo("warning: no record in this store is current", err=True)
    return current


def _request(record: Record) -> tuple[object, ...]:
    """What was asked for when a record was made, whatever the files were."""
    settings = sorted((key, repr(value)) for key, value in record.config.items())
    return record.task, record.method, *settings, record.train_on, record.budget, record.seed


def require_records(store: Store, current: Current) -> None:
    """Refuse to report on a folder that holds no record.

    Raises:
        StoreError: it holds none; mostly it is another folder than the one that was meant.
    """
    from bench.errors import StoreError

    if not current.records and not current.older:
        what = "that can be read" if current.broken else "of a cell"
        raise StoreError(
            f"{store.root} holds no record {what}", hint="bench run, or another --results DIR"
        )


def write_report(results: Path, data_dir: Path | None) -> Path:
    """Write the report of a whole store beside its records, in Markdown."""
    from bench import registry
    from bench.report import build_report, render
    from bench.store.store import Store

    current = read_current(Store(results), data_dir, by_subject=False)
    made = build_report(
        current.records,
        all_cards(),
        registry.load_rows(),
        older=current.older,
        for_tables=True,
    )
    text = render(made, "markdown")
    return write_text(results / "report.md", text)
