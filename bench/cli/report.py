"""``bench report``: tables from the records of a store."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as o
from bench.errors import UsageError


class Format(StrEnum):
    """Forms of a report."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    html = "html"


class Rows(StrEnum):
    """Which rows a report has."""

    all = "all"
    published = "published"


def report(
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: a drawing in a terminal, else markdown."),
    ] = None,
    rows: Annotated[
        Rows, typer.Option("--rows", help="all, or only the rows of published tables.")
    ] = Rows.all,
    protocol: Annotated[
        str | None, typer.Option("--protocol", "-p", help="Only this protocol.")
    ] = None,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="The same predictions under all protocols, ranked."),
    ] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Also older numbers, each marked as stale."),
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", help="Write all charts to a folder, as PDF and PNG."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to a file.")] = None,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Print tables of what was measured, beside the published rows. Runs nothing.

    Examples: bench report --format latex --out table.tex;
    bench report --format html --out report.html; bench report --figures figures
    """
    if sensitivity and format in (Format.json, Format.csv, Format.html):
        raise UsageError(
            "--sensitivity is a table for people: --format markdown or latex; html always has it"
        )
    if sensitivity and (protocol or rows is Rows.published):
        raise UsageError("--sensitivity shows all protocols: leave out --protocol and --rows")
    chosen = registry.protocol(protocol).id if protocol else None
    from bench.cli.drawn import html_text, write_figures
    from bench.cli.tables import all_cards, read_current, show, write_text
    from bench.report import build_report, render, sensitivity_tables
    from bench.store.store import Store

    store = Store(results)
    if rows is Rows.all:
        store.must_exist()
    current, cards = read_current(store, data_dir, by_subject=False, shown=stale), all_cards()
    made = build_report(
        current.records,
        cards,
        registry.load_rows(),
        protocol=chosen,
        which=rows.value,
        older=current.older,
        show_older=stale,
    )
    if sensitivity:
        made = replace(made, tables=tuple(sensitivity_tables(made.rows, cards)))
    if figures is not None:
        written = write_figures(figures, store, current, cards, protocol=chosen)
        typer.echo(f"written: {written} charts as PDF and PNG in {figures}", err=True)
        if format is None and out is None:
            return
    if format is Format.html:
        text = html_text(store, current, cards, made, protocol=chosen, which=rows.value)
        if out is None:
            typer.echo(text, nl=False)
        else:
            typer.echo(f"written: {write_text(out, text)}; open it in a browser", err=True)
        return
    if out is None and format is None:
        show(made)
        return
    text = render(made, (format or Format.markdown).value)
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"written: {write_text(out, text)}", err=True)
