"""Two methods side by side on the same subjects, with a paired test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bench.errors import UnknownName, UsageError
from bench.keys import canonical_json
from bench.metrics.table import sign_of, title_of
from bench.report.rows.pick import Line, pick_lines
from bench.report.tables.table import Cell, Column, Number, Table, Text
from bench.store.records import Record

if TYPE_CHECKING:
    from bench.stats.by_subject import Comparison

_LEGEND = (
    "Difference: mean over subjects, first minus second, each subject's value averaged over "
    "seeds, in percentage points, with its 95 % percentile interval by bootstrap over subjects.",
    "Effect: matched-pairs rank-biserial correlation, from -1 to 1.",
    "p: two-sided sign-flip permutation test by subject, after Holm's correction over the tasks.",
    "Too few subjects: even differences of one sign on all of them could not be significant.",
)
_LOWER = "Lower is better: a negative difference, or effect, means that the first is better."


def duel_table(
    records: Iterable[Record], first: str, second: str, *, protocol: str, metric: str
) -> Table:
    """Compare two methods with default settings on every task, source and budget both have.

    Args:
        records: in any order.
        first: name of a method.
        second: name of another.
        protocol: whose values per subject are compared, ``name@version``.
        metric: of that protocol.

    Raises:
        UnknownName: no record of such a method.
        UsageError: they share no task with values under this protocol.
    """
    lines = [line for line in pick_lines(records) if not line.first.config and line.done]
    names = {line.first.method for line in lines}
    for name in (first, second):
        if name not in names:
            raise UnknownName("method with finished cells", name, names, hint="bench report")
    sides = {
        name: {_setting(line): line for line in lines if line.first.method == name}
        for name in (first, second)
    }
    pairs = {
        canonical_json(one): _paired(sides[first][one], sides[second][one], protocol, metric)
        for one in sorted(set(sides[first]) & set(sides[second]))
    }
    kept = {name: pair for name, pair in pairs.items() if pair[0]}
    if not kept:
        raise UsageError(
            f"{first} and {second} share no task with values of {metric} by subject under "
            f"{protocol}",
            hint=f"bench rescore --protocol {protocol}, or another --protocol",
        )
    from bench.stats.by_subject import compare_pairs  # numpy and scipy are not for light commands

    found = compare_pairs(kept, higher_is_better=sign_of(metric) > 0)
    settings = {canonical_json(one): one for one in sides[first]}
    rows = [(*map(Text, settings[name]), *_cells(one)) for name, one in found.items()]
    return Table(
        title=f"{first} against {second}",
        name=f"{first}-against-{second}",
        caption=f"{title_of(metric)} of {protocol} by subject.",
        columns=(
            Column("Task", kind="text"),
            Column("Trained on", kind="text"),
            Column("Budget", kind="text"),
            Column("Subjects", decimals=0),
            Column("Difference", scale=100, signed=True),
            Column("Effect", signed=True),
            Column("p", decimals=3),
            Column("Verdict", kind="text"),
        ),
        rows=tuple(rows),
        legend=(*_LEGEND, *(() if sign_of(metric) > 0 else (_LOWER,))),
    )


def _setting(line: Line) -> tuple[str, str, str]:
    """What two lines must share to be compared: task, training source and budget."""
    return line.task, line.first.train_on, line.first.budget


def _paired(
    first: Line, second: Line, protocol: str, metric: str
) -> tuple[list[float], list[float]]:
    """Both methods' values of the subjects that both have, in one order."""
    one, two = (_by_subject(line.done, protocol, metric) for line in (first, second))
    shared = sorted(set(one) & set(two))
    return [one[name] for name in shared], [two[name] for name in shared]


def _by_subject(records: Sequence[Record], protocol: str, metric: str) -> dict[str, float]:
    """Each subject's value, averaged over the seeds; subjects that lack one seed are left out."""
    values: dict[str, list[float]] = {}
    for record in records:
        numbers = record.protocols.get(protocol)
        for subject, part in numbers.per_subject.items() if numbers else ():
            if metric in part.metrics:
                values.setdefault(subject, []).append(part.metrics[metric])
    return {
        name: sum(found) / len(found)
        for name, found in values.items()
        if len(found) == len(records)
    }


def _cells(one: Comparison) -> tuple[Cell, ...]:
    verdict = one.verdict
    return (
        Number(one.subjects),
        Number(one.difference, low=one.low, high=one.high),
        Number(one.effect),
        Number(one.p_adjusted),
        Text(verdict),
    )
