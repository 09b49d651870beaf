"""Charts of quality against training length: does the order of methods turn with it?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from bench.errors import counted
from bench.metrics.table import title_of
from bench.report.figures.chart import STYLES, Chart, Series, log_axis, percent, plain_axis
from bench.report.rows.pick import sorted_json
from bench.report.rows.summary import SummaryRow
from bench.report.tables import wording
from bench.report.tables.task_lines import TaskLines

Lengths = dict[str, list[SummaryRow]]
"""Rows that differ in their steps alone, by what names them, each with ascending steps."""


def length_charts(lines: TaskLines) -> list[Chart]:
    """A task's headline number against steps, and against the fits' processor time.

    Args:
        lines: of the task; a suite that runs budgets such as ``smoke@100`` and ``smoke@400`` gives
            a line several lengths.

    Returns:
        Nothing where no line has two lengths; the second chart only where times are known.
    """
    found = lengths(lines)
    if not found:
        return []
    turns = turned(found, lines.sign)
    words = (
        f"The order turns with training length for: {'; '.join(turns)}."
        if turns
        else "No two methods with the same lengths change their order."
    )
    words += " Whether two numbers can be told apart at all, the tables say."
    charts = [_chart(lines, found, "steps", "Steps", lambda row: row.steps, words)]
    timed = {
        name: [row for row in rows if row.fit_cpu_seconds]
        for name, rows in found.items()
        if len({row.value for row in rows}) > 1  # what does not depend on steps costs nothing more
    }
    timed = {name: rows for name, rows in timed.items() if len(rows) > 1}
    if timed:
        words += " Time is that of the fit alone, over all its threads."
        charts.append(
            _chart(lines, timed, "cpu", "Fit, CPU s", lambda row: row.fit_cpu_seconds, words)
        )
    return charts


def lengths(lines: TaskLines) -> Lengths:
    """The lines of a task that were trained for several numbers of steps.

    Beside them stand trivial methods of the same budget, with the one number that they have at
    every length: a method may pass them as it learns.
    """
    groups: dict[tuple[str, ...], dict[int, SummaryRow]] = defaultdict(dict)
    for row in lines.ranked:
        base = (row.budget or "").partition("@")[0]
        key = (row.method, sorted_json(row.config), row.train_on or "", base)
        if row.steps is not None:
            groups[key][row.steps] = row
    several = {key: rows for key, rows in groups.items() if len(rows) > 1}
    varying = [at for at in (2, 3) if len({key[at] for key in several}) > 1]
    beside = {
        key: {steps: replace(row, steps=steps) for steps in _steps(several, key)}
        for key, rows in groups.items()
        for row in rows.values()
        if len(rows) == 1 and lines.is_trivial(row) and _steps(several, key)
    }
    named: Lengths = {}
    for name, rows in [*sorted(several.items()), *sorted(beside.items())]:
        ordered = [rows[steps] for steps in sorted(rows)]
        plain = replace(ordered[-1], learned=None)
        named[wording.line_label(plain, lines.cards, *(name[at] for at in varying))] = ordered
    return named


def _steps(
    several: Mapping[tuple[str, ...], Mapping[int, SummaryRow]], key: tuple[str, ...]
) -> set[int]:
    """All lengths of the lines with the source and budget of another one."""
    return {steps for other, rows in several.items() if other[2:] == key[2:] for steps in rows}


def turned(found: Lengths, sign: int) -> list[str]:
    """Pairs of lines of which one is better at one length and the other at another.

    Args:
        found: of `lengths`.
        sign: 1 where higher is better, -1 where lower is.

    Returns:
        For each pair, its names and who leads at which length.
    """
    texts = []
    for first, other in combinations(found, 2):
        ours, theirs = ({row.steps: row.value for row in found[name]} for name in (first, other))
        leads: list[tuple[str, int]] = []
        for steps in sorted(one for one in ours if one is not None and one in theirs):
            gap = sign * ((ours[steps] or 0.0) - (theirs[steps] or 0.0))
            leader = first if gap > 0 else other
            if gap and (not leads or leads[-1][0] != leader):
                leads.append((leader, steps))
        if len(leads) > 1:
            told = ", ".join(
                f"{leader} leads from {counted(steps, 'step')}" for leader, steps in leads
            )
            texts.append(f"{first} and {other} ({told})")
    return texts


def _chart(
    lines: TaskLines,
    found: Lengths,
    name: str,
    title: str,
    across: Callable[[SummaryRow], float | None],
    caption: str,
) -> Chart:
    metric = title_of(lines.metrics[0])
    shown = dict(list(found.items())[:STYLES])
    rows = [row for one in shown.values() for row in one]
    places = [float(across(row) or 0.0) for row in rows]
    values = [row.value or 0.0 for row in rows]
    return Chart(
        name=f"{lines.task.replace('/', '-')}-length-{name}",
        title=f"{metric} against {'steps' if name == 'steps' else 'processor time'} of training",
        caption=f"{lines.protocol}. {caption}",
        x=log_axis(f"{title} (logarithmic)", min(places), max(places)),
        y=plain_axis(f"{metric}, %", min(values), max(values), scale=100),
        series=tuple(
            Series(
                label,
                tuple((float(across(row) or 0.0), row.value or 0.0) for row in one),
                kind="path",
                style=at,
                note=_note(label, one),
            )
            for at, (label, one) in enumerate(shown.items())
        ),
    )


def _note(label: str, rows: Sequence[SummaryRow]) -> str:
    return f"{label}: " + "; ".join(
        f"{counted(row.steps or 0, 'step')} {percent(row.value or 0)}" for row in rows
    )
