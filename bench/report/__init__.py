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
from bench.errors import UnknownName
from bench.report.formats.json_csv import to_csv, to_json
from bench.report.formats.latex import to_latex
from bench.report.formats.markdown import to_markdown
from bench.report.formats.terminal import print_tables
from bench.report.rows.cards import Cards
from bench.report.rows.published import compare, summary_rows
from bench.report.rows.summary import SummaryRow, summarise
from bench.report.tables.duel import duel_table
from bench.report.tables.published_table import published_table
from bench.report.tables.sensitivity import sensitivity_tables
from bench.report.tables.table import Table
from bench.report.tables.task_tables import task_tables
from bench.store.records import Record

__all__ = [
    "FORMATS",
    "Cards",
    "Report",
    "SummaryRow",
    "Table",
    "build_report",
    "duel_table",
    "print_tables",
    "render",
    "sensitivity_tables",
    "summarise",
]

Which = Literal["all", "published"]


@dataclass(frozen=True)
class Report:
    """What was measured, in both forms.

    Attributes:
        tables: for people.
        rows: for programs, by task, method, config, train_on, budget, protocol and metric.
    """

    tables: tuple[Table, ...]
    rows: tuple[SummaryRow, ...]


def build_report(
    records: Iterable[Record],
    cards: Cards,
    published: Sequence[PublishedRow] = (),
    *,
    protocol: str | None = None,
    which: Which = "all",
    older: Iterable[Record] = (),
    show_older: bool = False,
) -> Report:
    """Make tables and rows out of records.

    Args:
        records: in any order; those of several seeds are averaged.
        cards: where titles, headline metrics and families come from.
        published: rows of papers; empty for a report without their table.
        protocol: the only one to report, ``name@version``; None shows each task's headline
            protocol in tables and all protocols in rows. Published rows keep their own.
        which: ``published`` for the published rows alone, beside their measured values;
            ``all`` for a table per task, then the published rows.
        older: stale records, which are in no number; a line that lacks their seeds is partial.
        show_older: also show them, each in a line that says that it is stale. No stale number is
            ranked, marked as best or set beside a published one.

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
    rows = make_rows()
    lines = compare(published, rows, cards)
    beside = [published_table(lines, cards)] if lines else []
    if which == "published":
        return Report(tuple(beside), tuple(summary_rows(lines)))
    if protocol is None:
        return Report((*task_tables(rows, cards), *beside), tuple(rows))
    chosen = make_rows(protocol=protocol)
    # Numbers of other protocols serve as further columns beside the chosen one.
    further = [row for row in rows if row.protocol != protocol]
    tables = task_tables([*chosen, *further], cards, protocol=protocol)
    return Report((*tables, *beside), tuple(chosen))


_RENDERERS: dict[str, Callable[[Report], str]] = {
    "csv": lambda report: to_csv(report.rows),
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
