"""Tables of what was measured, for people and for programs.

`build_report` turns records into a `Report`; `render` writes it in one of `FORMATS`, and
`print_tables` shows it on a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.cards import PublishedRow
from bench.errors import UnknownName, counted
from bench.report.formats.json_csv import table_to_csv, to_csv, to_json
from bench.report.formats.latex import to_latex
from bench.report.formats.markdown import to_markdown
from bench.report.formats.terminal import print_tables
from bench.report.rows.cards import Cards
from bench.report.rows.published import PublishedLine, compare, summary_rows
from bench.report.rows.summary import SummaryRow, headline_of, summarise
from bench.report.tables.duel import duel_table
from bench.report.tables.methods_by_tasks import NAME as METHODS_BY_TASKS
from bench.report.tables.methods_by_tasks import methods_by_tasks
from bench.report.tables.published_table import published_table
from bench.report.tables.sensitivity import sensitivity_tables
from bench.report.tables.table import Table
from bench.report.tables.task_tables import task_tables
from bench.store.records import Record

__all__ = [
    "FORMATS",
    "METHODS_BY_TASKS",
    "Cards",
    "Report",
    "ShownTable",
    "SummaryRow",
    "Table",
    "Which",
    "build_report",
    "duel_table",
    "print_tables",
    "published_lines",
    "render",
    "sensitivity_tables",
    "summarise",
]

Which = Literal["measured", "all", "published", "none"]
"""Which published rows: of which something was measured, all, nothing else, or none."""
Layout = Literal["tasks", "methods-by-tasks"]


@dataclass(frozen=True)
class Report:
    """What was measured, in both forms.

    Attributes:
        tables: for people.
        rows: for programs, by task, method, config, train_on, budget, protocol and metric.
        layout: of the tables; as CSV, that of methods by tasks is written as it is.
    """

    tables: tuple[Table, ...]
    rows: tuple[SummaryRow, ...]
    layout: Layout = "tasks"

    def __repr__(self) -> str:
        """One line; `bench.render_table` gives the text of the tables."""
        return f"<Report of {counted(len(self.tables), 'table')}, {counted(len(self.rows), 'row')}>"

    def _repr_html_(self) -> str:
        """The tables, as a notebook shows them."""
        from bench.report.html.notebook import tables_to_html

        return tables_to_html(self.tables)


class ShownTable(Table):
    """A table that a notebook shows as one, and that prints as Markdown."""

    def __repr__(self) -> str:
        """The table as Markdown."""
        return render(Report(tables=(self,), rows=()), "markdown")

    def _repr_html_(self) -> str:
        """The table, as a notebook shows it."""
        from bench.report.html.notebook import tables_to_html

        return tables_to_html((self,))


def build_report(
    records: Iterable[Record],
    cards: Cards,
    published: Sequence[PublishedRow] = (),
    *,
    protocol: str | None = None,
    which: Which = "measured",
    older: Iterable[Record] = (),
    show_older: bool = False,
    layout: Layout = "tasks",
    tasks: Sequence[str] = (),
    average_over: Sequence[str] = (),
    for_tables: bool = False,
) -> Report:
    """Make tables and rows out of records.

    Args:
        records: in any order; those of several seeds are averaged.
        cards: where titles, headline metrics and families come from.
        published: rows of papers; empty for a report without their table.
        protocol: the only one to report, ``name@version``; None shows each task's headline
            protocol in tables and all protocols in rows. Published rows keep their own.
        which: after the tables of what was measured come the published rows of which something
            was ``measured``, ``all``, or ``none``; ``published`` gives all of them and nothing
            else.
        older: stale records, which are in no number; a line that lacks their seeds is partial.
        show_older: also show them, each in a line that says that it is stale. No stale number is
            ranked, marked as best or set beside a published one.
        layout: a table per task, or one of methods by tasks.
        tasks: the order of the tasks in the latter; empty orders them by name.
        average_over: as `methods_by_tasks` has it.
        for_tables: only the tables are wanted; rows whose interval no table shows have none.

    Raises:
        UnknownName, UsageError: no such average, see `methods_by_tasks`.

    Returns:
        A report whose rows hold published values only with ``which="published"``.
    """
    kept = list(records)
    make_rows = partial(
        summarise,
        kept,
        cards.datasets,
        cards.protocols,
        older=list(older),
        show_older=show_older,
    )
    if for_tables:
        make_rows = partial(make_rows, with_interval=_shown(published, cards, protocol))
    rows = make_rows()
    lines = published_lines(published, rows, cards, which)
    beside = [published_table(lines, cards)] if lines else []
    if which == "published":
        return Report(tuple(beside), tuple(summary_rows(lines)))
    chosen = rows if protocol is None else make_rows(protocol=protocol)
    # Numbers of other protocols serve as further columns beside the chosen one.
    further = [] if protocol is None else [row for row in rows if row.protocol != protocol]
    if layout == "tasks" or not rows:
        tables = task_tables([*chosen, *further], cards, protocol=protocol)
    else:
        tables = [
            methods_by_tasks(
                [*chosen, *further],
                cards,
                protocol=protocol,
                tasks=tasks,
                average_over=average_over,
            )
        ]
    return Report((*tables, *beside), tuple(chosen), layout)


def _shown(
    published: Sequence[PublishedRow], cards: Cards, protocol: str | None
) -> Callable[[str, str], bool]:
    """Of which task and protocol some table shows intervals."""
    beside = {
        (task, row.protocol)
        for row in published
        for one in row.tasks
        for task in (one, *row.stand_ins.get(one, ()))
    }

    def shown(task: str, name: str) -> bool:
        headline = protocol or headline_of(task, cards.datasets).protocol
        return name == headline or (task, name) in beside

    return shown


def published_lines(
    published: Sequence[PublishedRow], rows: Sequence[SummaryRow], cards: Cards, which: Which
) -> list[PublishedLine]:
    """The published rows that were asked for."""
    if which == "none":
        return []
    lines = compare(published, rows, cards)
    if which != "measured":
        return lines
    run = {line.row.name for line in lines if line.measured is not None}
    return [line for line in lines if line.row.name in run]


_RENDERERS: dict[str, Callable[[Report], str]] = {
    "csv": lambda report: (
        to_csv(report.rows) if report.layout == "tasks" else table_to_csv(report.tables[0])
    ),
    "json": lambda report: to_json(report.rows),
    "latex": lambda report: to_latex(report.tables),
    "markdown": lambda report: to_markdown(report.tables),
}
FORMATS = tuple(_RENDERERS)


def render(report: Report, format: str) -> str:
    """Write a report as text; the bytes do not depend on the order of records or the locale.

    Args:
        report: of `build_report`.
        format: one of `FORMATS`.

    Raises:
        UnknownName: another format.
    """
    if format not in _RENDERERS:
        raise UnknownName("format", format, FORMATS, hint="bench report --help")
    return _RENDERERS[format](report)
