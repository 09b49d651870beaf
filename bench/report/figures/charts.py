"""The charts of a report, from summary rows and what was drawn of kept predictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.errors import counted, counted_of
from bench.metrics.table import METRICS, sign_of, title_of
from bench.report.figures.chart import (
    MOST_LINES,
    STYLES,
    Axis,
    Chart,
    Series,
    log_axis,
    names_axis,
    percent,
    percent_axis,
    plain_axis,
)
from bench.report.figures.length_charts import length_charts
from bench.report.figures.rank_chart import rank_chart
from bench.report.figures.views import CellView, Views
from bench.report.rows.cards import Cards
from bench.report.rows.pick import LineKey
from bench.report.rows.summary import SummaryRow
from bench.report.tables.sensitivity import printed_ranks
from bench.report.tables.task_lines import TaskLines

_RARE = 0.05  # below this prevalence a linear precision axis would show nothing
_COSTS = {"fit_seconds": "Fit, s", "predict_ms_per_image": "Predict, ms per image"}


def styles(lines: TaskLines) -> dict[LineKey, int]:
    """A style for each measured line, the best first, as far as styles go."""
    rows = [row for row in lines.lines if row.value is not None]
    return {row.line: at for at, row in enumerate(rows[:STYLES])}


def task_charts(lines: TaskLines, views: Views) -> list[Chart]:
    """What can be drawn of one task: intervals, ROC, precision-recall, cost against quality."""
    charts = [_quality(lines), _roc(lines, views), _pr(lines, views)]
    charts += [_cost(lines, name) for name in _COSTS]
    return [chart for chart in charts if chart is not None]


def all_charts(
    rows: Sequence[SummaryRow], cards: Cards, views: Views, protocol: str | None = None
) -> list[Chart]:
    """Every chart of a report, by task, then those across tasks.

    Args:
        rows: of `summarise`, with all protocols.
        cards: where titles and headline metrics come from.
        views: what was drawn of kept predictions.
        protocol: drawn in place of each task's headline protocol.
    """
    tasks = [TaskLines(one, rows, cards, protocol) for one in sorted({row.task for row in rows})]
    charts = []
    for lines in tasks:
        sensitivity = sensitivity_chart(lines, rows)
        charts += [*task_charts(lines, views), *([sensitivity] if sensitivity else [])]
        charts += length_charts(lines)
    ranks = rank_chart(tasks, cards)
    return charts if isinstance(ranks, str) else [*charts, ranks]


def sensitivity_chart(lines: TaskLines, rows: Sequence[SummaryRow]) -> Chart | None:
    """The rank of each line under every protocol; None with one protocol or one line.

    Args:
        lines: of the task.
        rows: of `summarise`, with all protocols.
    """
    drawn = [row for row in lines.ranked if row.line in styles(lines)]
    metric = lines.metrics[0]
    keys = {row.line for row in drawn}
    values: dict[str, dict[LineKey, float]] = defaultdict(dict)
    for row in rows:
        mine = row.task == lines.task and row.metric == metric
        if mine and row.value is not None and row.line in keys:
            values[row.protocol][row.line] = row.value
    names = sorted(name for name, found in values.items() if set(found) == keys)
    if len(names) < 2 or len(drawn) < 2:
        return None
    ranks = {name: printed_ranks(values[name], lines.sign) for name in names}
    style = styles(lines)
    return Chart(
        name=f"{lines.task.replace('/', '-')}-sensitivity",
        title=f"Rank by {title_of(metric)} under each protocol",
        caption="The same predictions under each protocol; where lines cross, the protocol "
        "decides which method is the better one. Rank 1 is the best, ties share a rank.",
        x=names_axis(names),
        y=Axis(
            "Rank",
            0.5,
            len(drawn) + 0.5,
            tuple((float(at), str(at)) for at in range(1, len(drawn) + 1)),
        ),
        series=tuple(
            Series(
                lines.label[row.line],
                tuple((float(at), float(ranks[name][row.line])) for at, name in enumerate(names)),
                kind="path",
                style=style[row.line],
                note="; ".join(f"{name}: {percent(values[name][row.line])}" for name in names),
            )
            for row in drawn
        ),
        ordered=True,
    )


def _quality(lines: TaskLines) -> Chart | None:
    """Every line's number with its interval, beside chance."""
    style = styles(lines)
    rows = [row for row in lines.lines if row.line in style]
    if not rows:
        return None
    metric = lines.metrics[0]
    known = METRICS.get(metric)
    levels = {known.chance_at(row.prevalence) for row in rows} if known else set()
    chances = {one for one in levels if one is not None}
    ends = [one for row in rows for one in (row.value, row.low, row.high) if one is not None]
    ends += chances
    series = [
        Series(
            "chance",
            ((one, -0.5), (one, len(rows) - 0.5)),
            "chance",
            note=f"chance: {percent(one)}",
        )
        for one in sorted(chances)
    ]
    for at, row in enumerate(rows):
        note = _told(lines, row)
        if row.low is not None and row.high is not None:
            span = ((row.low, float(at)), (row.high, float(at)))
            series.append(Series("", span, style=style[row.line], note=note))
        point = ((row.value or 0.0, float(at)),)
        series.append(Series(lines.label[row.line], point, "dots", style[row.line], note))
    more = len(lines.ranked) - len(rows)
    return Chart(
        name=f"{lines.task.replace('/', '-')}-quality",
        title=f"{title_of(metric)} with its 95 % interval",
        caption="Intervals by bootstrap over test subjects; dashed: chance."
        + (f" {counted(more, 'more line', 'are')} in the table." if more > 0 else ""),
        x=plain_axis(_axis_title(metric), min(ends), max(ends), scale=100),
        y=names_axis([lines.label[row.line] for row in rows]),
        series=tuple(series),
        ordered=True,
    )


def _roc(lines: TaskLines, views: Views) -> Chart | None:
    drawn = [(row, view.roc) for row, view in _viewed(lines, views) if view.roc]
    if not drawn:
        return None
    style = styles(lines)
    chance = Series("chance", ((0.0, 0.0), (1.0, 1.0)), kind="chance", note="chance: 50 %")
    return Chart(
        name=f"{lines.task.replace('/', '-')}-roc",
        title="ROC",
        caption=_seed_words(lines, len(drawn)),
        x=percent_axis("False-positive rate, %"),
        y=percent_axis("True-positive rate, %"),
        series=(
            chance,
            *(
                Series(lines.label[row.line], roc, style=style[row.line], note=_told(lines, row))
                for row, roc in drawn
            ),
        ),
    )


def _pr(lines: TaskLines, views: Views) -> Chart | None:
    drawn = [(row, view.pr) for row, view in _viewed(lines, views) if view.pr]
    shares = sorted({row.prevalence for row, _ in drawn if row.prevalence})
    if not drawn or not shares:
        return None
    style = styles(lines)
    rare = shares[0] < _RARE
    series = [
        Series("chance", ((0.0, one), (1.0, one)), kind="chance", note=f"chance: {percent(one)}")
        for one in shares
    ]
    series += [
        Series(lines.label[row.line], pr, style=style[row.line], note=_told(lines, row))
        for row, pr in drawn
    ]
    title = "Precision, %"
    y = percent_axis(title)
    if rare:
        y = log_axis(f"{title} (logarithmic)", shares[0] / 3, 1.0, scale=100)
    return Chart(
        name=f"{lines.task.replace('/', '-')}-pr",
        title="Precision-recall",
        caption=_seed_words(lines, len(drawn)),
        x=percent_axis("Recall, %"),
        y=y,
        series=tuple(series),
    )


def _cost(lines: TaskLines, cost: str) -> Chart | None:
    style = styles(lines)
    rows = [row for row in lines.ranked if row.cost.get(cost) and row.line in style]
    if len(rows) < 2:
        return None
    prices = [float(row.cost[cost] or 0.0) for row in rows]
    ends = [one for row in rows for one in (row.value, row.low, row.high) if one is not None]
    series = []
    for row, price in zip(rows, prices, strict=True):
        value, note = row.value or 0.0, f"{_told(lines, row)}; {price:.3g} {_COSTS[cost]}"
        if row.low is not None and row.high is not None:
            span = ((price, row.low), (price, row.high))
            series.append(Series("", span, style=style[row.line], note=note))
        label = lines.label[row.line]
        series.append(Series(label, ((price, value),), "dots", style[row.line], note))
    metric = title_of(lines.metrics[0])
    return Chart(
        name=f"{lines.task.replace('/', '-')}-{cost.split('_')[0]}-cost",
        title=f"{metric} against {_COSTS[cost].split(',')[0].lower()} time",
        caption="Bars are 95 % intervals over subjects; costs are means over seeds, on the "
        "machines that the cells ran on.",
        x=log_axis(f"{_COSTS[cost]} (logarithmic)", min(prices), max(prices)),
        y=plain_axis(_axis_title(lines.metrics[0]), min(ends), max(ends), scale=100),
        series=tuple(series),
    )


def curve_lines(
    rows: Sequence[SummaryRow], cards: Cards, protocol: str | None = None
) -> set[LineKey]:
    """The lines whose curves are drawn: of each task the best, as many as there are colours.

    Args:
        rows: of `summarise`, with all protocols.
        cards: where headline metrics come from.
        protocol: drawn in place of each task's headline protocol.
    """
    tasks = sorted({row.task for row in rows})
    each = [_curved(TaskLines(task, rows, cards, protocol)) for task in tasks]
    return {row.line for lines in each for row in lines}


def _curved(lines: TaskLines) -> list[SummaryRow]:
    return [row for row in lines.lines if row.value is not None][:MOST_LINES]


def _viewed(lines: TaskLines, views: Views) -> list[tuple[SummaryRow, CellView]]:
    """The best lines, where they have a view."""
    found = [(row, views.get(row.line)) for row in _curved(lines)]
    return [(row, view) for row, view in found if view is not None]


def _seed_words(lines: TaskLines, drawn: int) -> str:
    measured = sum(row.value is not None for row in lines.lines)
    words = f"{lines.protocol}, first seed of each line with kept predictions."
    return f"{words} {counted_of(drawn, measured, 'line')} drawn." if drawn < measured else words


def _told(lines: TaskLines, row: SummaryRow) -> str:
    metric = title_of(lines.metrics[0])
    span = (
        f" [{percent(row.low)}, {percent(row.high)}]"
        if row.low is not None and row.high is not None
        else ""
    )
    return f"{lines.label[row.line]}: {metric} {percent(row.value or 0.0)}{span}"


def _axis_title(metric: str) -> str:
    better = "" if sign_of(metric) > 0 else " (lower is better)"
    return f"{title_of(metric)}, %{better}"
