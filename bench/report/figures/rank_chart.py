"""Average ranks over tasks, with what tells them apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.errors import counted
from bench.metrics.table import sign_of
from bench.report.figures.chart import Axis, Chart, Series, names_axis
from bench.report.rows.cards import Cards
from bench.report.rows.sampling import averaged
from bench.report.rows.summary import SummaryRow
from bench.report.tables import wording
from bench.report.tables.task_lines import TaskLines
from bench.stats.limits import ALPHA, LEAST_SUBJECTS

if TYPE_CHECKING:
    from bench.stats.ranks import MethodRanks

_Rows = Mapping[str, Sequence[SummaryRow]]


def rank_chart(tasks: Sequence[TaskLines], cards: Cards) -> Chart | str:
    """Average ranks over tasks with the critical difference; or why there is no such chart."""
    rows, names = _complete(tasks, cards)
    if len(rows) < 2 or len(names) < 2:
        return "Average ranks need two methods that were both measured on the same two tasks."
    found, basis = _ranked(rows, names)
    order = list(found.ranks)
    worst = float(len(order))
    series = []
    for at, (name, rank) in enumerate(found.ranks.items()):
        note = f"{name}: average rank {rank:.2f}"
        if name in found.intervals:
            low, high = found.intervals[name]
            note = f"{note} [{low:.2f}, {high:.2f}]"
            series.append(Series("", ((low, float(at)), (high, float(at))), note=note))
        series.append(Series("", ((rank, float(at)),), kind="dots", note=note))
    for at_bar, group in enumerate(found.groups):
        ends = [float(order.index(name)) for name in group]
        at_x = worst + 0.25 + 0.18 * at_bar
        note = f"not told apart: {', '.join(group)}"
        series.append(Series("", ((at_x, ends[0]), (at_x, ends[-1])), kind="bar", note=note))
    ticks = tuple((float(at), str(at)) for at in range(1, len(order) + 1))
    return Chart(
        name="ranks",
        title="Average rank over tasks",
        caption=f"{counted(len(order), 'method')} on {counted(found.tasks, 'task')} "
        f"({', '.join(names)}), by each task's headline metric; 1 is best. A bar at the right "
        f"joins methods that are not told apart. {basis}",
        x=Axis("Average rank", 0.75, worst + 0.4 + 0.18 * len(found.groups), ticks),
        y=names_axis(order),
        series=tuple(series),
        ordered=True,
    )


def _ranked(rows: _Rows, names: Sequence[str]) -> tuple[MethodRanks, str]:
    """The ranks, and in words what they were told apart by.

    Friedman and Nemenyi take tasks for independent; those of one dataset share patients.
    """
    from bench.stats.ranks import rank_by_subjects, rank_methods

    values = {
        name: [sign_of(row.metric) * (row.value or 0.0) for row in mine]
        for name, mine in rows.items()
    }
    blocks = [name.partition("/")[0] for name in names]
    if len(set(blocks)) == len(blocks):
        found = rank_methods(values)
        return found, f"By tasks, of which no two are of one dataset: {_by_tasks(found)}"
    columns = list(zip(*rows.values(), strict=True))
    drawn = [{one.draws for row in column for one in row.resampled} for column in columns]
    whole = all(row.resampled for column in columns for row in column)
    subjects = [
        min((one.subjects for row in column for one in row.resampled), default=0)
        for column in columns
    ]
    if whole and all(len(one) == 1 for one in drawn) and min(subjects) >= LEAST_SUBJECTS:
        replicates = {
            name: [sign_of(row.metric) * averaged(row.resampled, row.metric) for row in mine]
            for name, mine in rows.items()
        }
        found = rank_by_subjects(values, replicates, subjects, blocks)
        return found, (
            "By bootstrap over subjects, those of one dataset together in all its tasks "
            f"({100 * ALPHA:g} % over all pairs); lines are 95 % intervals of the ranks on these "
            "tasks."
        )
    found = rank_methods(values)
    return found, (
        "By tasks, although those of one dataset share patients, so that they tell less than this "
        f"test believes: {_by_tasks(found)} A bootstrap needs replicates of the same subjects, "
        f"{LEAST_SUBJECTS} or more (bench rescore makes them)."
    )


def _by_tasks(found: MethodRanks) -> str:
    """Nemenyi's and Friedman's numbers."""
    words = (
        f"critical difference of {found.critical_difference or 0.0:.2f} "
        f"(Nemenyi, {100 * ALPHA:g} %)."
    )
    return words if found.p_value is None else f"{words} Friedman p = {found.p_value:.3g}."


def _complete(tasks: Sequence[TaskLines], cards: Cards) -> tuple[_Rows, list[str]]:
    """The lines measured on all tasks that most lines have, and these tasks."""
    found: dict[str, dict[str, SummaryRow]] = defaultdict(dict)
    budgets = {row.budget for lines in tasks for row in lines.lines}
    for lines in tasks:
        for row in lines.lines:
            if (
                row.value is not None
                and not row.stale
                and row.train_on == cards.default_source(row.task)
            ):
                more = [row.budget or ""] if len(budgets) > 1 else []
                # A method may be untrained on one task only, which must not make it two.
                name = wording.line_label(replace(row, learned=None), cards, *more)
                found[name][row.task] = row
    most = max((len(one) for one in found.values()), default=0)
    whole = sorted({task for one in found.values() if len(one) == most for task in one})
    names = sorted(name for name, one in found.items() if set(whole) <= set(one))
    return {name: [found[name][task] for task in whole] for name in names}, whole
