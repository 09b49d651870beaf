"""The usual table of a paper: methods down, tasks across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.errors import UnknownName, UsageError, counted
from bench.metrics.table import METRICS, sign_of, title_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import sorted_json
from bench.report.rows.summary import SummaryRow, deviation, mean
from bench.report.tables import wording
from bench.report.tables.table import Cell, Column, Number, Table, Text, with_ranks, with_spread
from bench.report.tables.task_lines import TaskLines, says_something

NAME = "methods-by-tasks"
_BEST = (
    "The best of a column need not be shown to be better than the second: the tables per task, and "
    "bench compare, say which differences are."
)


_Key = tuple[str, str, str, str, str]
"""Method, settings, budget, training source where it is not the task's own, and staleness."""


@dataclass(frozen=True)
class _Method:
    """One line of the table: a method with its settings, over all tasks."""

    label: str
    rows: Mapping[str, SummaryRow]
    order: tuple[object, ...]

    @property
    def comparable(self) -> bool:
        """Whether the mean of its numbers says something of the method as it is now."""
        return not any(row.degenerate or row.stale for row in self.rows.values())


def methods_by_tasks(
    rows: Sequence[SummaryRow],
    cards: Cards,
    *,
    protocol: str | None = None,
    tasks: Sequence[str] = (),
    average_over: Sequence[str] = (),
) -> Table:
    """One line per method, one column per task, with each task's headline number.

    Args:
        rows: of `summarise`, with all protocols.
        cards: where headline metrics come from.
        protocol: shown in place of each task's headline protocol.
        tasks: the columns, in this order; empty takes all tasks by name.
        average_over: tasks of the last column; empty takes all columns if they are alike: one
            metric, and all of pixels or all of images.

    Raises:
        UnknownName: an average over a task that the table does not have.
        UsageError: an average over several metrics.
    """
    names = list(tasks) or sorted({row.task for row in rows})
    lines = [TaskLines(name, rows, cards, protocol) for name in names]
    averaged = _averaged(lines, average_over)
    methods = _methods(lines, averaged, cards)
    columns = [_task_column(one, lines, methods) for one in lines]
    if len(averaged) > 1:
        columns.append(_average_column(averaged, methods))
    labels: list[Cell] = [*(Text(one.label) for one in methods), Text("chance")]
    below = list(zip(*(cells for _, cells in columns), strict=True))
    return Table(
        title="Methods by tasks",
        name=NAME,
        caption=_caption(lines, averaged),
        columns=(Column("Method", kind="text"), *(column for column, _ in columns)),
        rows=tuple((label, *cells) for label, cells in zip(labels, below, strict=True)),
        notes=tuple(_notes(lines, averaged, average_over)),
        legend=(
            *([_BEST] if len(methods) > 1 else []),
            *([wording.SPREAD] if any(column.spread for column, _ in columns) else []),
            *([wording.AVERAGE_SPREAD] if _loses_spread(averaged, methods) else []),
        ),
    )


def _averaged(lines: Sequence[TaskLines], wanted: Sequence[str]) -> list[TaskLines]:
    """The tasks to average over; none where they have no metric in common."""
    known = {one.task: one for one in lines}
    for name in wanted:
        if name not in known:
            raise UnknownName("task of this table:", name, known, hint="leave out --average-over")
    chosen = [known[name] for name in wanted] or list(lines)
    metrics = sorted({one.metrics[0] for one in chosen})
    if len(metrics) == 1 and (wanted or len({one.level for one in chosen}) == 1):
        return chosen
    if wanted:
        raise UsageError(
            f"an average over {', '.join(metrics)} says nothing",
            hint="choose tasks of one metric, or one metric with --metric",
        )
    return []


def _methods(
    lines: Sequence[TaskLines], averaged: Sequence[TaskLines], cards: Cards
) -> list[_Method]:
    """All lines, the best average first; without an average by the mean over what is there."""
    shown = [row for one in lines for row in one.lines]
    budgets = len({row.budget for row in shown}) > 1
    groups: dict[_Key, dict[str, SummaryRow]] = {}
    for row in shown:
        source = row.train_on if row.train_on != cards.default_source(row.task) else None
        key = (row.method, sorted_json(row.config), row.budget or "", source or "", row.stale)
        groups.setdefault(key, {})[row.task] = row
    found = []
    for key, by_task in groups.items():
        more = [key[2]] if budgets else []
        more += [f"trained on {key[3]}"] if key[3] else []
        label = _label(list(by_task.values()), cards, more)
        whole = _average([by_task.get(one.task) for one in averaged])
        signed = [
            sign_of(one.metrics[0]) * (by_task[one.task].value or 0.0)
            for one in lines
            if one.task in by_task and by_task[one.task].value is not None
        ]
        best = sign_of(averaged[0].metrics[0]) * whole.value if whole and averaged else None
        order = (best is None, -(best or 0.0), -len(signed), -(mean(signed) or 0.0), key)
        found.append(_Method(label, by_task, order))
    return sorted(found, key=lambda one: one.order)


def _label(rows: Sequence[SummaryRow], cards: Cards, more: Sequence[str]) -> str:
    """The line's name; it names the tasks on which it has not learned, unless these are all."""
    untrained = sorted(row.task for row in rows if row.untrained)
    words = []
    if untrained:
        everywhere = len(untrained) == sum(row.value is not None for row in rows)
        words = ["not yet trained" + ("" if everywhere else f" on {', '.join(untrained)}")]
    plain = replace(rows[0], degenerate=False, learned=None)
    return wording.line_label(plain, cards, *words, *more)


def _task_column(
    lines: TaskLines, beside: Sequence[TaskLines], methods: Sequence[_Method]
) -> tuple[Column, list[Cell]]:
    metric = lines.metrics[0]
    same = len({one.metrics[0] for one in beside}) == 1
    title = lines.task if same else f"{lines.task} {title_of(metric)}"
    column = Column(title, "%", scale=100, ranked=True)
    if sign_of(metric) < 0:
        note = f"{title_of(metric)}: lower is better."
        column = replace(column, lower_is_better=True, note=note)
    rows = [one.rows.get(lines.task) for one in methods]
    eligible = [row is not None and says_something(row) for row in rows]
    return _ranked(column, [_measured(row) for row in rows], eligible, _chance_cell(lines))


def _average_column(
    averaged: Sequence[TaskLines], methods: Sequence[_Method]
) -> tuple[Column, list[Cell]]:
    lower = sign_of(averaged[0].metrics[0]) < 0
    column = Column("Average", "%", scale=100, ranked=True, lower_is_better=lower)
    names = [one.task for one in averaged]
    cells: list[Cell] = [_average([one.rows.get(name) for name in names]) for one in methods]
    levels = [_chances(task) for task in averaged]
    single = [level[0] for level in levels if len(level) == 1]
    whole = len(single) == len(averaged)
    chance = Number(mean(single) or 0.0, given=True) if whole else None
    return _ranked(column, cells, [one.comparable for one in methods], chance)


def _ranked(
    column: Column, cells: list[Cell], eligible: Sequence[bool], chance: Cell
) -> tuple[Column, list[Cell]]:
    if sum(isinstance(cell, Number) for cell in cells) > 1:
        cells = with_ranks(cells, column, eligible)
    return with_spread(column, cells), [*cells, chance]


def _measured(row: SummaryRow | None) -> Cell:
    if row is None:
        return None
    if row.value is None:
        return Text(wording.in_place_of_number(row))
    return Number(row.value, sd=row.sd)


def _average(parts: Sequence[SummaryRow | None]) -> Number | None:
    """The mean over tasks; None where one of them lacks a number."""
    values = [part.value for part in parts if part is not None and part.value is not None]
    if not parts or len(values) < len(parts):
        return None
    seeds = [dict(part.by_seed) for part in parts if part is not None]
    shared = all(set(one) == set(seeds[0]) for one in seeds)
    means = [mean([one[seed] for one in seeds]) or 0.0 for seed in seeds[0]] if shared else []
    return Number(mean(values) or 0.0, sd=deviation(means))


def _loses_spread(averaged: Sequence[TaskLines], methods: Sequence[_Method]) -> bool:
    """Whether an average has no spread although each of its numbers has one."""
    for one in methods:
        parts = [one.rows.get(task.task) for task in averaged]
        mean_of = _average(parts)
        spread = all(part is not None and part.sd is not None for part in parts)
        if mean_of is not None and mean_of.sd is None and spread:
            return True
    return False


def _chances(lines: TaskLines) -> list[float]:
    """The distinct chance levels of a task's numbers, rounded as they print."""
    known = METRICS.get(lines.metrics[0])
    if known is None or not lines.measured:
        return []
    if known.chance == "prevalence":
        shares = [row.prevalence for row in lines.lines if row.prevalence is not None]
        several = len(lines.chances) > 1
        return [float(level) / 100 for level in lines.chances] if several else shares[:1]
    return [known.chance] if isinstance(known.chance, float) else []


def _chance_cell(lines: TaskLines) -> Cell:
    levels = _chances(lines)
    if len(levels) > 1:
        return Text(f"{100 * levels[0]:.2f} to {100 * levels[-1]:.2f}")
    return Number(levels[0], given=True) if levels else None


def _caption(lines: Sequence[TaskLines], averaged: Sequence[TaskLines]) -> str:
    numbers: dict[str, list[str]] = {}
    for one in lines:
        numbers.setdefault(f"{title_of(one.metrics[0])} of {one.protocol}", []).append(one.task)
    words = [
        what if len(numbers) == 1 else f"{what} ({', '.join(tasks)})"
        for what, tasks in numbers.items()
    ]
    rows = [row for one in lines for row in one.lines]
    budgets = sorted({row.budget for row in rows if row.budget})
    facts = [wording.training_words(rows)]
    facts += [f"budget {', '.join(budgets)}"] if budgets else []
    facts.append(wording.seed_count(rows))
    sentences = [
        f"{'; '.join(words)}, in percent.",
        f"Test subjects: {'; '.join(_subjects(one) for one in lines)}.",
        f"{_capital('; '.join(one for one in facts if one))}.",
    ]
    if len(averaged) > 1:
        names = ", ".join(one.task for one in averaged)
        sentences.append(f"Average: over {counted(len(averaged), 'task')}: {names}.")
    synthetic = [one.task for one in lines if one.cards.is_synthetic(one.task)]
    if synthetic:
        what = "Synthetic images, which say nothing about patients"
        names = "" if len(synthetic) == len(lines) else f": {', '.join(synthetic)}"
        sentences.insert(0, f"{what}{names}.")
    return " ".join(sentences)


def _subjects(lines: TaskLines) -> str:
    counts = sorted({wording.subject_count(row) for row in lines.measured})
    return f"{lines.task} {' or '.join(counts)}" if counts else f"{lines.task} none"


def _notes(
    lines: Sequence[TaskLines], averaged: Sequence[TaskLines], wanted: Sequence[str]
) -> list[Text]:
    notes = []
    if len(lines) > 1 and not averaged and not wanted:
        notes.append(Text("No average: the tasks are judged by different numbers."))
    notes += wording.seed_notes(
        (wording.name_with_settings(row.method, row.config), one.task, row.seeds)
        for one in lines
        for row in one.lines
    )
    notes += [
        replace(note, text=f"{one.task}, {note.text}")
        for one in lines
        for note in wording.line_notes(one.lines, one.label)
    ]
    return notes


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
