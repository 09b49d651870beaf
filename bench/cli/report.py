"""``bench report``: tables from the records of a store."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import completion
from bench.cli import options as o
from bench.errors import UsageError, counted


class Format(StrEnum):
    """Forms of a report."""

    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    html = "html"


class Rows(StrEnum):
    """Which published rows a report has."""

    measured = "measured"
    all = "all"
    published = "published"
    none = "none"


class Layout(StrEnum):
    """What a table has in its lines and columns."""

    tasks = "tasks"
    methods_by_tasks = "methods-by-tasks"


def report(
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: a drawing in a terminal, else markdown."),
    ] = None,
    rows: Annotated[
        Rows,
        typer.Option(
            "--rows",
            help="Rows of published tables: of which something was measured, all, nothing but "
            "these, or none.",
        ),
    ] = Rows.measured,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", "-p", help="Only this protocol.", autocompletion=completion.protocols
        ),
    ] = None,
    task: o.OnlyTasks = [],  # noqa: B006
    method: o.OnlyMethods = [],  # noqa: B006
    metric: Annotated[
        list[str],
        typer.Option(
            "--metric",
            help="Only this metric; repeatable, the first orders the tables.",
            autocompletion=completion.metrics,
        ),
    ] = [],  # noqa: B006
    budget: o.OnlyBudgets = [],  # noqa: B006
    layout: Annotated[
        Layout,
        typer.Option(
            "--layout",
            help="A table per task, or methods down and tasks across: the order of --task.",
        ),
    ] = Layout.tasks,
    average_over: Annotated[
        list[str],
        typer.Option(
            "--average-over",
            help="Task of the average of methods by tasks; repeatable. Default: all, if alike.",
            autocompletion=completion.tasks,
        ),
    ] = [],  # noqa: B006
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="The same predictions under all protocols, ranked."),
    ] = False,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            help="Numbers by strata: lesion-size, contrast, slice-position, or a column of the "
            "table of subjects that a dataset's card names.",
        ),
    ] = None,
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
    bench report --layout methods-by-tasks --rows none --task mslub/t1 --task mslub/t2;
    bench report --format html --out report.html; bench report --figures figures;
    bench report --by lesion-size
    """
    if sensitivity and format in (Format.json, Format.csv, Format.html):
        raise UsageError(
            "--sensitivity is a table for people: --format markdown or latex; html always has it"
        )
    if sensitivity and (protocol or rows is Rows.published):
        raise UsageError("--sensitivity shows all protocols: leave out --protocol and --rows")
    across = layout is Layout.methods_by_tasks
    if across and (sensitivity or rows is Rows.published or format is Format.json):
        raise UsageError(
            "--layout methods-by-tasks is a table of what was measured: leave out --sensitivity, "
            "--rows published and --format json"
        )
    if average_over and not across:
        raise UsageError("--average-over is a column of --layout methods-by-tasks: say that too")
    if by and (sensitivity or stale or across or rows is Rows.published):
        raise UsageError(
            "--by shows current numbers: leave out --sensitivity, --stale, --layout and --rows"
        )
    only = registry.protocol(protocol).id if protocol else None
    from bench.api.chosen import chosen_part
    from bench.api.drawn import html_text, write_figures
    from bench.api.places import write_text
    from bench.cli.tables import read_current, require_records, show
    from bench.report import Report, build_report, render, sensitivity_tables
    from bench.store.store import Store

    store = Store(results)
    if rows is not Rows.published:
        store.must_exist()
    found = read_current(store, data_dir, by_subject=False, shown=stale)
    if rows is not Rows.published:
        require_records(store, found)
    part = chosen_part(
        found, tasks=task, methods=method, metrics=metric, budgets=budget, protocol=only
    )
    current, cards = part.current, part.cards
    made = build_report(
        current.records,
        cards,
        part.published,
        protocol=only,
        which=rows.value,
        older=current.older,
        show_older=stale,
        layout=layout.value,
        tasks=task,
        average_over=average_over,
        for_tables=format not in (Format.json, Format.csv, Format.html),
    )
    strata = None
    if by is not None:
        from bench.cli.strata import strata_of

        strata = strata_of(store, current.records, cards, by, protocol=only, data_dir=data_dir)
        if format is not Format.html:
            made = Report(strata.tables, ())
    if sensitivity:
        made = replace(made, tables=tuple(sensitivity_tables(made.rows, cards)))
    if figures is not None:
        written = write_figures(
            figures,
            store,
            current,
            cards,
            protocol=only,
            charts=strata.charts if strata else None,
        )
        typer.echo(
            f"written: {counted(len(written) // 2, 'chart')} as PDF and PNG in {figures}", err=True
        )
        if format is None and out is None:
            return
    if format is Format.html:
        text = html_text(
            store, current, cards, made, protocol=only, which=rows.value, strata=strata
        )
        if out is None:
            typer.echo(text, nl=False)
        else:
            typer.echo(f"written: {write_text(out, text)}; open it in a browser", err=True)
        return
    if out is None and format is None:
        show(made)
        return
    if strata is not None and format in (Format.json, Format.csv):
        from bench.report.formats.json_csv import strata_to_csv, strata_to_json

        text = (strata_to_json if format is Format.json else strata_to_csv)(strata.rows)
    else:
        text = render(made, (format or Format.markdown).value)
    if out is None:
        typer.echo(text, nl=False)
    else:
        typer.echo(f"written: {write_text(out, text)}", err=True)
