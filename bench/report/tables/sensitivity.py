"""The same predictions under all protocols: how much of a ranking is the protocol's choice."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

from bench.errors import counted
from bench.metrics.table import sign_of, title_of
from bench.report.rows.cards import Cards
from bench.report.rows.summary import SummaryRow, headline_of
from bench.report.tables import wording
from bench.report.tables.table import Cell, Column, Table, Text

_RANK = "In parentheses: rank within the column; values that print alike share one."
_CONSTANT = "c: the scores are constant, so the number says nothing of the method."
_SHOWN_FLIPS = 6
_LOWER = "; lower is better"

K = TypeVar("K", bound=Hashable)

Values = Mapping[str, Mapping[str, float]]
"""Per protocol, the value of each line."""


def sensitivity_tables(rows: Sequence[SummaryRow], cards: Cards) -> list[Table]:
    """One table per task: lines are methods, columns protocols, with ranks.

    Args:
        rows: of `summarise`, with all protocols.
        cards: where headline metrics come from.
    """
    return [_table(task, rows, cards) for task in sorted({row.task for row in rows})]


def _table(task: str, rows: Sequence[SummaryRow], cards: Cards) -> Table:
    head = headline_of(task, cards.datasets)
    usable = [
        row
        for row in rows
        if row.task == task
        and row.metric == head.metric
        and row.value is not None
        and not row.stale
    ]
    values = _values(usable, cards)
    constant = {(row.protocol, _label(row, usable, cards)) for row in usable if row.degenerate}
    # Other versions of the headline come next to it: plain and smoothed side by side.
    base = head.protocol.partition("@")[0]
    others = sorted(
        set(values) - {head.protocol}, key=lambda one: (one.partition("@")[0] != base, one)
    )
    protocols = [head.protocol, *others]
    protocols = [one for one in protocols if one in values]
    sign = sign_of(head.metric)
    ranks = {one: printed_ranks(values[one], sign) for one in protocols}
    lines = sorted(
        {line for column in values.values() for line in column},
        key=lambda line: (ranks[protocols[0]].get(line, len(usable)), line),
    )
    cells = [
        (
            Text(line),
            *(_cell(values[one], ranks[one], line, (one, line) in constant) for one in protocols),
        )
        for line in lines
    ]
    known, metric = cards.task(task), title_of(head.metric)
    facts = [wording.training_words(usable), wording.seed_count(usable)]
    seeds = wording.seed_notes(
        (_label(row, usable, cards), row.protocol, row.seeds) for row in usable
    )
    return Table(
        title=f"{known.title} ({task}), {metric} under each protocol" if known else task,
        name=f"{task.replace('/', '-')}-sensitivity",
        caption="; ".join(
            [
                f"{metric} in percent of the same predictions{_LOWER if sign < 0 else ''}",
                *(one for one in facts if one),
            ]
        )
        + ".",
        columns=(
            Column("Method", kind="text"),
            *(Column(one, kind="text", note=_RANK) for one in protocols),
        ),
        rows=tuple(cells),
        notes=(
            *(Text(one) for one in _flips(_varying(values, constant), protocols, sign)),
            *seeds,
        ),
        legend=(*_smoothing(protocols, cards), *((_CONSTANT,) if constant else ())),
    )


def _smoothing(protocols: Sequence[str], cards: Cards) -> list[str]:
    """Which of the columns smooth the maps, and how much."""
    by_sd: dict[float, list[str]] = {}
    for name in protocols:
        card = cards.protocols.get(name)
        if card is not None and card.needs_maps:
            by_sd.setdefault(card.smoothing, []).append(name)
    return [
        f"{', '.join(names)}: "
        + (f"maps smoothed, sd {100 * sd:g} % of the side." if sd else "maps not smoothed.")
        for sd, names in sorted(by_sd.items(), reverse=True)
        if any(by_sd)
    ]


def _values(rows: Sequence[SummaryRow], cards: Cards) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.value is not None:
            values.setdefault(row.protocol, {})[_label(row, rows, cards)] = row.value
    return values


def _varying(values: Values, constant: Collection[tuple[str, str]]) -> Values:
    """Without constant scores: they order no methods, so no order can be reversed by them."""
    return {
        name: {line: value for line, value in column.items() if (name, line) not in constant}
        for name, column in values.items()
    }


def _label(row: SummaryRow, rows: Sequence[SummaryRow], cards: Cards) -> str:
    """The line's name, with budget and training source where lines differ in them."""
    more = [
        str(getattr(row, name))
        for name in ("budget", "train_on")
        if len({getattr(one, name) for one in rows}) > 1
    ]
    # A line may be constant under one protocol only, which must not make it two lines.
    return wording.line_label(replace(row, degenerate=False), cards, *more)


def printed_ranks(column: Mapping[K, float], sign: int) -> dict[K, int]:
    """The rank of each value; values that print alike share one.

    Args:
        column: values, from 0 to 1.
        sign: -1 where lower is better.

    Returns:
        1 is best.
    """
    printed = {line: sign * round(100 * value, 2) for line, value in column.items()}
    return {
        line: 1 + sum(other > value for other in printed.values())
        for line, value in printed.items()
    }


def _cell(column: Mapping[str, float], ranks: Mapping[str, int], line: str, constant: bool) -> Cell:
    if line not in column:
        return None
    sign = " c" if constant else ""
    return Text(f"{100 * column[line]:.2f} ({ranks[line]}){sign}")


def _flips(values: Values, protocols: Sequence[str], sign: int) -> list[str]:
    """Sentences on where protocols disagree with the first one about who is better."""
    if not protocols:
        return []
    first = protocols[0]
    found = []
    for other in protocols[1:]:
        shared = sorted(set(values[first]) & set(values[other]))
        pairs = list(combinations(shared, 2))
        turned = [
            _said(values[first], one, two, sign)
            for one, two in pairs
            if _order(values[first], one, two) * _order(values[other], one, two) < 0
        ]
        if turned:
            shown = "; ".join(turned[:_SHOWN_FLIPS]) + ("; …" if turned[_SHOWN_FLIPS:] else "")
            count = f"{len(turned)} of {counted(len(pairs), 'method pair')}"
            found.append(
                f"{other} reverses the order of {count} relative to {first}, where {shown}."
            )
    if len(protocols) > 1 and not found:
        found.append("No two methods change places between protocols.")
    return found


def _order(column: Mapping[str, float], one: str, two: str) -> int:
    a, b = round(100 * column[one], 2), round(100 * column[two], 2)
    return (a > b) - (a < b)


def _said(column: Mapping[str, float], one: str, two: str, sign: int) -> str:
    better, worse = (one, two) if sign * column[one] > sign * column[two] else (two, one)
    return f"{better} is better than {worse}"
