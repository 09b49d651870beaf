"""Numbers by strata as a picture: a row per stratum, methods side by side with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import counted
from bench.metrics.table import METRICS, title_of
from bench.report.figures.chart import MOST_LINES, Axis, Chart, Series, percent, plain_axis
from bench.report.rows.cards import Cards
from bench.report.rows.strata import StratumRow
from bench.report.tables.strata import labels_of
from bench.report.tables.table import Table, Text

# Share of a stratum's row over which its methods are spread.
_SPREAD = 0.6


def strata_charts(
    rows: Sequence[StratumRow], tables: Sequence[Table], by: str, cards: Cards
) -> list[Chart]:
    """A chart per table and metric that has numbers; the best lines, as many as there are colours.

    Args:
        rows: of `stratum_rows`.
        tables: of `strata_tables`, whose titles and order of lines the charts take.
        by: what the test data were parted by.
        cards: where labels come from.
    """
    tasks = list(dict.fromkeys(one.row.task for one in rows))
    charts = []
    for task, table in zip(tasks, tables, strict=True):
        mine = [one for one in rows if one.row.task == task]
        for metric in dict.fromkeys(one.row.metric for one in mine):
            numbers = [one for one in mine if one.row.metric == metric]
            if any(one.row.value is not None for one in numbers):
                charts.append(_chart(numbers, metric, table, by, cards))
    return charts


def _chart(rows: Sequence[StratumRow], metric: str, table: Table, by: str, cards: Cards) -> Chart:
    labels = labels_of(rows, cards)
    order = list(dict.fromkeys(one.plain for one, *_ in table.rows if isinstance(one, Text)))
    lines = sorted({one.row.line for one in rows}, key=lambda line: order.index(labels[line]))
    drawn = lines[:MOST_LINES]
    strata = list(dict.fromkeys(one.stratum.name for one in rows))
    ends = [
        end
        for one in rows
        if one.row.line in drawn
        for end in (one.row.value, one.row.low, one.row.high)
        if end is not None
    ]
    series, chances = [], {}
    for style, line in enumerate(drawn):
        offset = _SPREAD * ((style + 0.5) / len(drawn) - 0.5)
        points = []
        for one in (one for one in rows if one.row.line == line and one.row.value is not None):
            down = strata.index(one.stratum.name) + offset
            value, low, high = one.row.value or 0.0, one.row.low, one.row.high
            note = f"{labels[line]}, {one.stratum.name}: {percent(value)}"
            if low is not None and high is not None:
                note += f" [{percent(low)}, {percent(high)}]"
                series.append(Series("", ((low, down), (high, down)), style=style, note=note))
            points.append((value, down))
            level = METRICS[metric].chance_at(one.row.prevalence) if metric in METRICS else None
            if level is not None:
                chances[one.stratum.name] = level
        if points:
            series.append(Series(labels[line], tuple(points), "dots", style))
    for name, level in chances.items():
        at = strata.index(name)
        span = ((level, at - 0.5), (level, at + 0.5))
        series.append(Series("chance", span, "chance", note=f"chance: {percent(level)}"))
    ends += chances.values()
    more = len(lines) - len(drawn)
    return Chart(
        name=f"{table.name}-{metric.replace('_', '-')}",
        title=f"{title_of(metric)} by {by}",
        caption="Bars: 95 % intervals over test subjects, where there are enough of them."
        + (" Dashed: chance, which differs between strata." if chances else "")
        + (f" {counted(more, 'more line', 'are')} in the table." if more > 0 else ""),
        x=plain_axis(f"{title_of(metric)}, %", min(ends), max(ends), scale=100),
        y=Axis(
            by.replace("-", " "),
            -0.5,
            len(strata) - 0.5,
            tuple((float(at), name.removeprefix(f"{by} ")) for at, name in enumerate(strata)),
        ),
        series=tuple(series),
        ordered=True,
    )
