"""One table per task: every method's headline numbers with uncertainty, chance level and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.metrics.table import METRICS, sign_of, title_of
from bench.report.rows.cards import Cards
from bench.report.rows.summary import SummaryRow
from bench.report.tables import task_words, wording
from bench.report.tables.table import Cell, Column, Number, Table, Text, with_ranks, with_spread
from bench.report.tables.task_lines import CHOICES, TaskLines, says_something

_COST = "Costs are means over seeds; RAM is the worker's peak resident memory."
_COSTS = {
    "fit_seconds": Column("Fit", "s", decimals=1, minor=3, note=_COST),
    "predict_ms_per_image": Column("ms/image", decimals=1, minor=3, note=_COST),
    "peak_rss_mb": Column("RAM", "MB", decimals=0, minor=3, note=_COST),
    "peak_gpu_mb": Column("GPU", "MB", decimals=0, minor=3, note=_COST),
}

_LEARNED = Column(
    "Error ratio",
    minor=2,
    note="Error ratio: mean absolute error of the method's reconstructions of normal validation "
    "images, divided by that of the image's own median or of the mean training image, whichever "
    "is smaller; over several seeds their mean. From 1 upwards the line is marked as not yet "
    "trained, also for one seed of several. Below 1 is necessary and not enough: a copy of the "
    "input has 0. A dash: the method does not reconstruct images, or "
    "nothing was there to measure it on.",
)

_Columns = list[tuple[Column, list[Cell]]]


def task_tables(
    rows: Sequence[SummaryRow], cards: Cards, *, protocol: str | None = None
) -> list[Table]:
    """Tables of all tasks that rows are about, by name of the task.

    Args:
        rows: of `summarise`, with all protocols.
        cards: where titles and headline metrics come from.
        protocol: print this one in place of each task's headline protocol.
    """
    tasks: dict[str, list[SummaryRow]] = {}
    for row in rows:
        tasks.setdefault(row.task, []).append(row)
    return [_table(TaskLines(task, tasks[task], cards, protocol)) for task in sorted(tasks)]


def _table(lines: TaskLines) -> Table:
    columns = [*_names(lines), *_numbers(lines), *_learned(lines), *_costs(lines)]
    known = lines.cards.task(lines.task)
    return Table(
        title=f"{known.title} ({lines.task})" if known else lines.task,
        name=lines.task.replace("/", "-"),
        caption=task_words.caption(lines),
        columns=tuple(with_spread(column, below) for column, below in columns),
        rows=tuple(zip(*(below for _, below in columns), strict=True)),
        notes=tuple(task_words.notes(lines)),
        legend=tuple(task_words.legend(lines)),
    )


def _names(lines: TaskLines) -> _Columns:
    """The method, and everything else that differs between the lines."""
    names: list[Cell] = [Text(wording.line_label(row, lines.cards)) for row in lines.lines]
    columns: _Columns = [(Column("Method", kind="text"), names)]
    for title in lines.varying:
        texts = [CHOICES[title](row) for row in lines.lines]
        column = Column(title, kind="text", minor=2 if title == "Seeds" else 0)
        columns.append((column, [Text(one) if one else None for one in texts]))
    return columns


def _numbers(lines: TaskLines) -> _Columns:
    columns: _Columns = []
    for metric in lines.metrics:
        rows = [lines.other(row, lines.protocol, metric) for row in lines.lines]
        title, chance = title_of(metric), METRICS[metric].chance if metric in METRICS else None
        column = Column(title, "%", scale=100, ranked=True)
        if sign_of(metric) < 0:
            column = replace(column, lower_is_better=True, note=f"{title}: lower is better.")
        columns.append((column, _ranked(column, rows, [_measured(row) for row in rows])))
        if not lines.measured:
            return columns
        if chance == "prevalence" and len(lines.chances) > 1:
            shares = [row.prevalence for row in lines.lines]
            columns.append((Column("Chance", "%", scale=100), [_number(one) for one in shares]))
        if chance == "prevalence":
            note = f"{title}/chance: {title} divided by its chance level."
            ratios = [_number(_ratio(row)) for row in rows]
            columns.append((Column(f"{title}/chance", note=note), ratios))
    columns += _healthy(lines)
    if lines.image_protocol:
        note = f"Image AUROC: AUROC by {lines.image_protocol}."
        column = Column("Image AUROC", "%", scale=100, ranked=True, minor=1, note=note)
        rows = [lines.other(row, lines.image_protocol, "auroc") for row in lines.lines]
        cells = [_measured(row, interval=False) for row in rows]
        columns.append((column, _ranked(column, rows, cells)))
    return columns


def _ranked(column: Column, rows: Sequence[SummaryRow | None], cells: Sequence[Cell]) -> list[Cell]:
    """The cells with their ranks, by what the column itself shows.

    A yardstick without maps has no number in the first column and may be the best of this one.
    """
    eligible = [row is not None and says_something(row) for row in rows]
    return with_ranks(cells, column, eligible) if sum(eligible) > 1 else list(cells)


def _healthy(lines: TaskLines) -> _Columns:
    """What methods mark in healthy test subjects, a column per threshold."""
    note = (
        "FP ml: mean volume above the threshold in a test subject without lesions; the threshold "
        "is what so many pixels of healthy validation images exceed."
    )
    rates = sorted({rate for row in lines.lines for rate in row.healthy_ml})
    return [
        (
            Column(f"FP ml at {100 * float(rate):g} %", decimals=1, minor=1, note=note),
            [_number(row.healthy_ml.get(rate)) for row in lines.lines],
        )
        for rate in rates
    ]


def _learned(lines: TaskLines) -> _Columns:
    """How the methods' errors on normal images compare with those of what knows nothing."""
    ratios = [row.error_ratio for row in lines.lines]
    known = any(one is not None for one in ratios)
    return [(_LEARNED, [_number(one) for one in ratios])] if known else []


def _costs(lines: TaskLines) -> _Columns:
    filled: _Columns = []
    for name, column in _COSTS.items():
        costs = [row.cost[name] for row in lines.lines]
        if any(one is not None for one in costs):
            filled.append((column, [_number(one) for one in costs]))
    return filled


def _measured(row: SummaryRow | None, *, interval: bool = True) -> Cell:
    if row is None:
        return None
    if row.value is None:
        return Text(wording.in_place_of_number(row))
    low, high = (row.low, row.high) if interval else (None, None)
    return Number(row.value, sd=row.sd, low=low, high=high)


def _number(value: float | None) -> Cell:
    return None if value is None else Number(value)


def _ratio(row: SummaryRow | None) -> float | None:
    """How many times its chance level a number is."""
    if row is None or row.value is None or not row.prevalence:
        return None
    return row.value / row.prevalence
