"""Two methods on every task that both were measured on: the same verdicts as the tables'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.errors import UnknownName, UsageError
from bench.metrics.table import sign_of, title_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import Line, LineKey, pick_lines
from bench.report.rows.summary import SummaryRow, summarise
from bench.report.tables.comparing import Compared, compare_rows
from bench.report.tables.table import Text
from bench.report.tables.task_lines import number_of
from bench.report.tables.wording import line_notes, name_with_settings, training_words
from bench.store.records import Record

if TYPE_CHECKING:
    from bench.stats.by_subject import Comparison
    from bench.stats.paired import Pair


@dataclass(frozen=True)
class Duel:
    """Two lines of one task, with one training source and budget.

    Attributes:
        first: the number of the first method.
        second: of the second.
        pair: as the task's table has it; None where their records have no replicates of the
            same subjects.
        by_subject: from each subject's values; the verdict where ``pair`` is None.
    """

    first: SummaryRow
    second: SummaryRow
    pair: Pair | None
    by_subject: Comparison

    @property
    def number(self) -> tuple[str, str]:
        """Protocol and metric."""
        return self.first.protocol, self.first.metric

    @property
    def seeds(self) -> str:
        """How many seeds each side has: ``3``, or ``3 and 1``."""
        counts = self.first.seeds, self.second.seeds
        return f"{counts[0]}" if len(set(counts)) == 1 else f"{counts[0]} and {counts[1]}"

    @property
    def verdict(self) -> str:
        """Which one is better, or why that is not known."""
        return self.pair.verdict if self.pair is not None else self.by_subject.verdict


def caption(found: Sequence[Duel]) -> str:
    """What is compared: metrics and protocols, and what was learned from."""
    numbers = sorted({one.number for one in found})
    words = [f"{title_of(metric)} of {name}" for name, metric in numbers]
    learned = training_words(row for one in found for row in (one.first, one.second))
    return f"{'; '.join(one for one in (*words, learned) if one)}."


def notes(found: Sequence[Duel]) -> list[Text]:
    """What must be known of single lines: missing seeds, no learning, each with its task."""
    told = []
    for one in found:
        rows = (one.first, one.second)
        label = {row.line: name_with_settings(row.method, row.config) for row in rows}
        told += [replace(note, text=f"{one.first.task}, {note.text}")
                 for note in line_notes(rows, label)]  # fmt: skip
    return told


def duels(
    records: Iterable[Record],
    first: str,
    second: str,
    *,
    cards: Cards | None = None,
    protocol: str | None = None,
    metric: str | None = None,
) -> list[Duel]:
    """Compare two methods on every task, source and budget both have.

    Args:
        records: of the whole store, in any order: a task's other lines count in the correction.
        first: name of a method, which means its default settings, or as tables have it with
            others: ``padim (weights=random)``.
        second: another.
        cards: where headline numbers come from.
        protocol: whose numbers are compared, ``name@version``; None takes each task's headline.
        metric: of that protocol; None takes the one that the task's table is ordered by.

    Raises:
        UnknownName: no record of such a method.
        UsageError: both are the same, or they share no task with numbers under this protocol.
    """
    kept_records = list(records)
    sides = _sides([line for line in pick_lines(kept_records) if line.done], first, second)
    rows = summarise(kept_records, {}, {})
    tasks = {row.task for row in rows}
    numbers = {task: number_of(task, cards or Cards(), protocol, metric) for task in tasks}
    kept = [
        row
        for row in rows
        if (row.protocol, row.metric) == numbers[row.task] and row.value is not None
    ]
    row_of = {row.line: row for row in kept}
    both = {
        at: (sides[first][one], sides[second][one])
        for at, one in enumerate(sorted(set(sides[first]) & set(sides[second])))
        if sides[first][one].key in row_of and sides[second][one].key in row_of
    }
    told = {
        task: compare_rows(
            [row for row in kept if row.task == task and not row.degenerate],
            sign=sign_of(numbers[task][1]),
        )
        for task in {one.task for one, _ in both.values()}
    }
    found = _compared(both, row_of, told)
    if not found:
        raise UsageError(
            f"{first} and {second} share no task with values of {metric or 'their metric'} by "
            f"subject under {protocol or 'its headline protocol'}",
            hint=f"bench rescore --protocol {protocol or 'NAME'}, or another --protocol",
        )
    return found


def _sides(
    lines: Sequence[Line], first: str, second: str
) -> dict[str, dict[tuple[str, str, str], Line]]:
    """Per name, its lines by what two lines must share."""
    named: dict[str, dict[tuple[str, str, str], Line]] = {}
    for line in lines:
        name = name_with_settings(line.key.method, line.first.config)
        shared = (line.task, line.first.train_on, line.first.budget)
        named.setdefault(name, {})[shared] = line
    for name in (first, second):
        if _plain(name) not in named:
            raise UnknownName("method with finished cells", name, named, hint="bench report")
    if _plain(first) == _plain(second):
        raise UsageError(
            f"both methods are {first!r}, expected two",
            hint=f"with other settings, name it as tables do: {_another(named, first)!r}",
        )
    return {name: named[_plain(name)] for name in (first, second)}


def _plain(name: str) -> str:
    """A name as tables print it, without their word for methods that know nothing."""
    return name.strip().removesuffix(" (trivial)").replace(", trivial)", ")")


def _another(named: Iterable[str], first: str) -> str:
    """A name with settings, as an example: of the same method where there is one."""
    method = _plain(first).partition(" ")[0]
    others = sorted(one for one in named if one.startswith(f"{method} (") and one != _plain(first))
    return others[0] if others else f"{method} (key=value)"


def _compared(
    both: Mapping[int, tuple[Line, Line]],
    row_of: Mapping[LineKey, SummaryRow],
    told: Mapping[str, Compared],
) -> list[Duel]:
    from bench.stats.by_subject import compare_pairs  # numpy and scipy: not for light commands

    rows = {at: (row_of[one.key], row_of[two.key]) for at, (one, two) in both.items()}
    pairs = {at: told[one.task].pair(one, two) for at, (one, two) in rows.items()}
    values = {at: _paired(*both[at], *_number(rows[at][0])) for at in both}
    known = [at for at in both if pairs[at] is not None or values[at][0]]
    found: dict[str, Comparison] = {}
    for sign in (1, -1):
        some = {str(at): values[at] for at in known if sign_of(rows[at][0].metric) == sign}
        found |= compare_pairs(some, higher_is_better=sign > 0)
    return [Duel(*rows[at], pairs[at], found[str(at)]) for at in known]


def _number(row: SummaryRow) -> tuple[str, str]:
    return row.protocol, row.metric


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
