"""What the commands print of a store: tables for people, rows for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench.store.records import Record

if TYPE_CHECKING:
    from bench.report import Cards, Report
    from bench.store.store import Store


def all_cards() -> Cards:
    """The cards that a report takes titles and headline metrics from."""
    from bench import registry
    from bench.report import Cards

    return Cards(
        datasets=registry.load_datasets(),
        methods=registry.load_methods(),
        protocols=registry.load_protocols(),
    )


def print_tables(records: Sequence[Record]) -> None:
    """Print one table per task of some records: drawn in a terminal, Markdown elsewhere."""
    from bench.report import build_report

    if records:
        show(build_report(records, all_cards()))


def show(report: Report) -> None:
    """Print a report's tables to stdout."""
    import sys

    from bench.report import print_tables as draw
    from bench.report import render

    if sys.stdout.isatty():
        draw(report.tables)
    else:
        typer.echo(render(report, "markdown"))


@dataclass(frozen=True)
class Current:
    """What of a store is reported, and what is not.

    Attributes:
        broken: file and problem of what is not a record.
        stale: how many records were left out because their cards have moved on.
    """

    records: list[Record]
    broken: list[tuple[str, str]]
    stale: int


def read_current(store: Store, *, stale: bool, by_subject: bool = True) -> Current:
    """The records of a store to report; files that are not records are named on stderr.

    Args:
        store: the run store.
        stale: also those whose method or dataset card has moved on since.
        by_subject: with each subject's numbers.
    """
    import gc

    from bench.planning.staleness import is_stale

    records, broken = store.read_all(by_subject=by_subject)
    gc.freeze()  # records stay until the end; tracing thousands of them again takes seconds
    for one in broken:
        typer.echo(f"warning: {one.path} is left out: {one.problem}", err=True)
    fresh = [record for record in records if stale or not is_stale(record)]
    old = len(records) - len(fresh)
    if old:
        typer.echo(
            f"{old} stale records (their cards have moved on) are left out; "
            "bench report --stale shows them",
            err=True,
        )
    problems = [(one.path.relative_to(store.root).as_posix(), one.problem) for one in broken]
    return Current(fresh, problems, old)


def current_records(store: Store, *, stale: bool) -> list[Record]:
    """The records of `read_current`, with each subject's numbers."""
    return read_current(store, stale=stale).records


def write_report(results: Path) -> Path:
    """Write the report of a whole store beside its records, in Markdown."""
    from bench import registry
    from bench.report import build_report, render
    from bench.store.store import Store

    records = current_records(Store(results), stale=False)
    text = render(build_report(records, all_cards(), registry.load_rows()), "markdown")
    return write_text(results / "report.md", text)


def write_text(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all; its folder is made.

    Raises:
        UsageError: it cannot be written.
    """
    from bench import atomic
    from bench.errors import UsageError

    try:
        atomic.write_text(path, text)
    except OSError as fault:
        raise UsageError(f"{path} cannot be written: {fault.strerror}") from fault
    return path
