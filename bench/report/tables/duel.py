"""The table of two methods side by side on the same subjects."""

from __future__ import annotations

from collections.abc import Iterable

from bench.metrics.table import sign_of
from bench.report.rows.cards import Cards
from bench.report.tables.comparing import MORE_SEEDS, need_words
from bench.report.tables.duels import Duel, caption, duels, notes
from bench.report.tables.table import Cell, Column, Number, Table, Text
from bench.stats.limits import LEAST_SUBJECTS, POWER
from bench.store.records import Record

_PAIRED = (
    "Difference: first minus second, in percentage points, with its 95 % interval over subjects; "
    "over several seeds, their variance is added; one seed speaks of that trained detector alone.",
    "p: of the difference under the same resamples of the subjects (Student's t), after Holm's "
    "correction over all pairs of lines of the task's table; that table says the same.",
    "Needs: how many subjects would show the measured difference, in a table with so many lines "
    f"and with as many seeds, with {100 * POWER:g} % power. "
    f"{MORE_SEEDS.capitalize()}: these differ so much that no number of subjects suffices.",
)
_SUBJECTS = "Subjects: those with lesions, or those without where these are fewer."
_EFFECT = "Effect: matched-pairs rank-biserial correlation of the subjects' values, from -1 to 1."
_BY_SUBJECT = (
    "By subject: without replicates of the same subjects, as in records of an older bench, the "
    "difference is the mean of the subjects' differences, and p a two-sided sign-flip permutation "
    "test after Holm's correction over the tasks; bench rescore makes replicates."
)
_FEW = (
    f"Too few subjects: fewer than {LEAST_SUBJECTS}, or so few that even differences of one sign "
    "on all of them could not be significant."
)
_LOWER = "Lower is better: a negative difference, or effect, means that the first is better."
_COLUMNS = (
    Column("Task", kind="text"),
    Column("Trained on", kind="text"),
    Column("Budget", kind="text"),
    Column("Subjects", decimals=0),
    Column("Difference", scale=100, signed=True),
    Column("Effect", signed=True),
    Column("p", decimals=3),
    Column("Verdict", kind="text"),
    Column("Test", kind="text"),
    Column("Needs", kind="text"),
    Column("Seeds", kind="text"),
)


def duel_table(
    records: Iterable[Record],
    first: str,
    second: str,
    *,
    cards: Cards | None = None,
    protocol: str | None = None,
    metric: str | None = None,
) -> Table:
    """Two methods on every task that both have; arguments and faults are those of `duels`."""
    found = duels(records, first, second, cards=cards, protocol=protocol, metric=metric)
    numbers = sorted({one.number for one in found})
    legend = [_EFFECT]
    if any(one.pair is not None for one in found):
        legend = [*_PAIRED, _SUBJECTS, *legend]
    if any(one.pair is None for one in found):
        legend.append(_BY_SUBJECT)
    if any(one.verdict == "too few subjects" for one in found):
        legend.append(_FEW)
    if any(sign_of(metric) < 0 for _, metric in numbers):
        legend.append(_LOWER)
    return Table(
        title=f"{first} against {second}",
        name=f"{first}-against-{second}",
        caption=caption(found),
        columns=_COLUMNS,
        rows=tuple(_cells(one, (first, second)) for one in found),
        notes=tuple(notes(found)),
        legend=tuple(legend),
    )


def _named(verdict: str, names: tuple[str, str]) -> str:
    """The verdict with the names of the two methods: ``ae is better``."""
    better = {f"{side} is better": f"{name} is better"
              for side, name in zip(("first", "second"), names, strict=True)}  # fmt: skip
    return better.get(verdict, verdict)


def _cells(one: Duel, methods: tuple[str, str]) -> tuple[Cell, ...]:
    row, pair, plain = one.first, one.pair, one.by_subject
    names = (Text(row.task), Text(row.train_on or ""), Text(row.budget or ""))
    effect = Number(plain.effect) if plain.subjects else None
    if pair is None:
        return (
            *names,
            Number(plain.subjects),
            Number(plain.difference, low=plain.low, high=plain.high),
            effect,
            Number(plain.p_adjusted),
            Text(_named(plain.verdict, methods)),
            Text("by subject"),
            None,
            Text(one.seeds),
        )
    open_question = pair.verdict == "no difference shown"
    return (
        *names,
        Number(pair.subjects),
        Number(pair.difference, low=pair.low, high=pair.high),
        effect,
        Number(pair.p_adjusted) if pair.low is not None else None,
        Text(_named(pair.verdict, methods)),
        Text("paired resamples"),
        Text(need_words(pair)) if open_question else None,
        Text(one.seeds),
    )
