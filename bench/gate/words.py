"""The gate's outcome as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from bench.errors import counted
from bench.gate.compare import DEVIATIONS, FAULTS, CheckedNumber, compared, is_regression
from bench.metrics.table import sign_of
from bench.report import Table
from bench.report.tables.table import Cell, Column, Number, Text
from bench.report.tables.wording import name_with_settings

_COLUMNS = (
    Column("Method", kind="text"),
    Column("Number", kind="text", note="Number: of a cell in order, the one nearest its limit."),
    Column("Baseline", "%", scale=100),
    Column("Now", "%", scale=100),
    Column("Diff.", scale=100, decimals=3, signed=True, note="Diff.: now minus baseline, points."),
    Column("Allowed", scale=100, decimals=3, note="Allowed: greatest difference, either way."),
    Column("Verdict", kind="prose"),
)


def summary_line(checked: Sequence[CheckedNumber]) -> str:
    """The outcome in one line, with how many numbers have which verdict."""
    counts = Counter[str](one.verdict for one in checked)
    moved = [f"{counts[name]} {name}" for name in sorted(FAULTS | {"new"}) if counts[name]]
    number = compared(checked)
    outcome = "REGRESSION" if is_regression(checked) else "ok" if number else "NOTHING COMPARED"
    return (
        f"gate: {outcome}; {counted(number, 'number')} "
        f"compared{''.join(f', {one}' for one in moved)}"
    )


def to_table(checked: Sequence[CheckedNumber], noise: float) -> Table:
    """A line per cell that is as it was, and a line per number that is not.

    Args:
        checked: of `bench.gate.compare`.
        noise: the baseline's.
    """
    rows: list[tuple[Cell, ...]] = []
    blocks = {}
    for task, of_task in groupby(checked, key=lambda one: one.task):
        blocks[len(rows)] = task
        for _, group in groupby(of_task, key=lambda one: one.line):
            rows += _lines(list(group))
    return Table(
        title="Regression gate",
        name="gate",
        caption=(
            f"{summary_line(checked)}. Allowed: {DEVIATIONS:g} standard deviations of the "
            "baseline's seeds (at least the median of the line's numbers of that metric), times "
            "the root of 1/n + 1/m for n and m seeds, "
            f"plus {100 * noise:.3g} points of numerical noise."
        ),
        columns=_COLUMNS,
        rows=tuple(rows),
        blocks=blocks,
    )


def _lines(checked: list[CheckedNumber]) -> list[tuple[Cell, ...]]:
    """Lines of one cell: whole cells that are missing or new take one."""
    verdicts = {one.verdict for one in checked}
    if len(verdicts) == 1 and verdicts <= {"missing", "new"}:
        return [_line(checked[0], f"all {len(checked)}")]
    apart = [one for one in checked if one.verdict != "ok"]
    same = [one for one in checked if one.verdict == "ok"]
    lines = [_line(one) for one in apart]
    if same:
        nearest = max(same, key=lambda one: one.strain)
        lines.append(_line(nearest, verdict=f"ok, {counted(len(same), 'number')}"))
    return lines


def _line(one: CheckedNumber, number: str = "", verdict: str = "") -> tuple[Cell, ...]:
    word = verdict or one.verdict + (f": {one.reason}" if one.reason else "")
    if sign_of(one.metric) < 0 and one.verdict in ("lower", "higher"):
        word += " (better)" if one.verdict == "lower" else " (worse)"
    values = (one.before, one.now, one.difference, one.allowed)
    if number:
        values = (None, None, None, None)
    return (
        Text(name_with_settings(one.method, one.config)),
        Text(number or f"{one.protocol} {one.metric}"),
        *(None if value is None else Number(value) for value in values),
        Text(word),
    )
