"""What the HTML report shows, put in order for its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.metrics.table import METRICS
from bench.report.figures import charts
from bench.report.figures.chart import Chart, Series
from bench.report.figures.multiverse_chart import multiverse_charts
from bench.report.figures.rank_chart import rank_chart
from bench.report.figures.views import CellView, Views
from bench.report.html.drawing import Drawing, lay_out
from bench.report.html.overview import Overview, make_overview
from bench.report.rows.cards import Cards
from bench.report.rows.provenance import CellFacts, Provenance, provenance_of
from bench.report.rows.summary import SummaryRow
from bench.report.tables.multiverse import Told, multiverse_tables
from bench.report.tables.sensitivity import sensitivity_tables
from bench.report.tables.table import Table
from bench.report.tables.task_lines import TaskLines
from bench.report.tables.task_tables import task_tables
from bench.store.records import Record


@dataclass(frozen=True)
class GalleryLine:
    """A line that has pictures."""

    label: str
    view: CellView


@dataclass(frozen=True)
class LegendEntry:
    """How a line is drawn in its task's charts."""

    label: str
    colour: str
    marker: str


@dataclass(frozen=True)
class TaskSection:
    """Everything about one task.

    Attributes:
        protocols: the same predictions under all protocols; None with one protocol.
        problems: predictions that could not be drawn.
    """

    lines: TaskLines
    table: Table
    protocols: Table | None
    legend: tuple[LegendEntry, ...]
    drawings: tuple[Drawing, ...]
    gallery: tuple[GalleryLine, ...]
    cells: tuple[CellFacts, ...]
    problems: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """Id of its section in the page."""
        return f"task-{self.table.name}"

    @property
    def best(self) -> SummaryRow | None:
        """The best line that says something; None where nothing was measured."""
        return next(iter(self.lines.ranked), None)

    @property
    def above_trivial(self) -> bool | None:
        """Whether the best line is shown to be better than the best trivial method.

        None where there is no trivial method, or the best line is trivial itself.
        """
        trivial = [row for row in self.lines.ranked if self.lines.is_trivial(row)]
        if self.best is None or not trivial or self.lines.is_trivial(self.best):
            return None
        return self.lines.beats(self.best, trivial[0])

    @property
    def shown_by(self) -> str:
        """What `above_trivial` rests on: ``shown`` by pairs, or the ``interval`` of the best."""
        return "shown" if self.lines.compared.tested else "interval"

    @property
    def chance(self) -> str:
        """Chance level of the best line's number in percent; empty where there is none."""
        known = METRICS.get(self.lines.metrics[0])
        level = known.chance_at(self.best.prevalence) if known and self.best else None
        if known is None or level is None:
            return ""
        return f"{100 * level:.2f}" if known.chance == "prevalence" else f"{100 * level:g}"


@dataclass(frozen=True)
class MultiverseSection:
    """What `bench multiverse` kept, as tables and charts."""

    tables: tuple[Table, ...]
    choices: Drawing
    legend: tuple[LegendEntry, ...]
    pairs: tuple[Drawing, ...]


@dataclass(frozen=True)
class StrataSection:
    """Numbers by strata of one task."""

    table: Table
    legend: tuple[LegendEntry, ...]
    drawings: tuple[Drawing, ...]

    @classmethod
    def of(cls, table: Table, drawn: Sequence[Chart]) -> StrataSection:
        """A table and its charts, in which a line has one style."""
        entries = {
            one.label: LegendEntry(one.label, one.colour, one.marker)
            for chart in drawn
            for one in chart.series
            if one.label and one.kind == "dots"
        }
        return cls(table, tuple(entries.values()), tuple(lay_out(one) for one in drawn))


@dataclass(frozen=True)
class Content:
    """The whole page."""

    across: Table | None
    overview: Overview
    tasks: tuple[TaskSection, ...]
    ranks: Drawing | str
    multiverse: MultiverseSection | None
    further: tuple[Table, ...]
    provenance: Provenance
    broken: tuple[tuple[str, str], ...]
    stale: int
    strata: tuple[StrataSection, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Cells by status."""
        statuses = [cell.record.status for cell in self.provenance.cells]
        return {name: statuses.count(name) for name in ("done", "failed", "skipped")}


def make_content(
    records: Sequence[Record],
    rows: Sequence[SummaryRow],
    cards: Cards,
    *,
    further: Sequence[Table] = (),
    across: Table | None = None,
    strata: Sequence[tuple[Table, Sequence[Chart]]] = (),
    views: Views | None = None,
    multiverse: Sequence[Told] = (),
    protocol: str | None = None,
    broken: Sequence[tuple[str, str]] = (),
    stale: int = 0,
) -> Content:
    """Arrange a report.

    Args:
        records: all that are reported.
        rows: of `summarise`, with all protocols.
        cards: where words come from.
        further: tables that follow those of tasks (published rows).
        across: methods by tasks, shown first.
        strata: tables by strata, each with its charts.
        views: what was drawn of kept predictions.
        multiverse: what the store keeps of `bench multiverse`, told by `tell`.
        protocol: shown in place of each task's headline protocol.
        broken: file and problem of what could not be read.
        stale: how many records were left out because their cards have moved on.
    """
    views = views or {}
    provenance = provenance_of(records, cards)
    by_task: dict[str, list[CellFacts]] = {}
    for cell in provenance.cells:
        by_task.setdefault(cell.record.task, []).append(cell)
    tables = task_tables(rows, cards, protocol=protocol)
    lines = [TaskLines(name, rows, cards, protocol) for name in sorted({r.task for r in rows})]
    sensitivity = sensitivity_tables(rows, cards)
    sections = tuple(
        _section(one, table, beside, rows, views, by_task.get(one.task, []))
        for one, table, beside in zip(lines, tables, sensitivity, strict=True)
    )
    ranks = rank_chart(lines, cards)
    return Content(
        across=across,
        overview=make_overview(lines, rows, cards),
        tasks=sections,
        ranks=ranks if isinstance(ranks, str) else lay_out(ranks),
        multiverse=_multiverse(multiverse, cards),
        further=tuple(further),
        provenance=provenance,
        broken=tuple(broken),
        stale=stale,
        strata=tuple(StrataSection.of(*one) for one in strata),
    )


def _section(
    lines: TaskLines,
    table: Table,
    protocols: Table,
    rows: Sequence[SummaryRow],
    views: Views,
    cells: Sequence[CellFacts],
) -> TaskSection:
    styles = charts.styles(lines)
    drawn = charts.task_charts(lines, views)
    sensitivity = charts.sensitivity_chart(lines, rows)
    seen = [(row, views[row.line]) for row in lines.lines if row.line in views]
    return TaskSection(
        lines=lines,
        table=table,
        protocols=protocols if len(protocols.columns) > 2 else None,
        legend=tuple(
            LegendEntry(lines.label[row.line], style.colour, style.marker)
            for row in lines.lines
            if row.line in styles
            for style in [Series("", (), style=styles[row.line])]
        ),
        drawings=tuple(lay_out(one) for one in [*drawn, *([sensitivity] if sensitivity else [])]),
        gallery=tuple(
            GalleryLine(lines.label[row.line], view) for row, view in seen if view.pictures
        ),
        cells=tuple(cells),
        problems=tuple(
            f"{lines.label[row.line]}: {view.problem}" for row, view in seen if view.problem
        ),
    )


def _multiverse(told: Sequence[Told], cards: Cards) -> MultiverseSection | None:
    if not told:
        return None
    choices, *pairs = multiverse_charts(told)
    return MultiverseSection(
        tables=tuple(multiverse_tables(told, cards)),
        choices=lay_out(choices),
        legend=tuple(LegendEntry(one.label, one.colour, one.marker) for one in choices.series),
        pairs=tuple(map(lay_out, pairs)),
    )
