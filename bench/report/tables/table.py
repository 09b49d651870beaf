"""The one table model behind every format that people read."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

DASH = "–"  # noqa: RUF001 - the sign for "no number"
PLUS_MINUS = "±"


@dataclass(frozen=True)
class Number:
    """A number with what is known of its uncertainty, all in the same unit.

    Attributes:
        value: finite.
        sd: standard deviation over seeds.
        low: lower end of the interval over subjects; ``high`` its upper end.
        rank: 1 for the best of a column, 2 for the second, else 0.
        given: not measured, so that it has no deviation over seeds.
    """

    value: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    rank: int = 0
    given: bool = False


@dataclass(frozen=True)
class Text:
    """Words, and a command to type after them where there is one."""

    text: str
    command: str = ""

    @property
    def plain(self) -> str:
        """Both, for formats without a way to mark a command."""
        return f"{self.text} {self.command}".strip()


Cell = Number | Text | None
"""None prints as a dash."""


@dataclass(frozen=True)
class Column:
    """A column and how its numbers print.

    Attributes:
        title: its head, without the unit.
        kind: ``prose`` is text long enough to be wrapped.
        scale: what numbers are multiplied with for printing (100 for percent).
        signed: print a plus sign too.
        ranked: best and second are marked.
        lower_is_better: the best is the lowest.
        spread: some of its numbers have a deviation over seeds; the others then print a dash.
        minor: 0 is never left out; where space is short, higher numbers go first.
        note: what the column holds, where its head does not tell.
    """

    title: str
    unit: str = ""
    kind: Literal["text", "number", "prose"] = "number"
    scale: float = 1
    decimals: int = 2
    signed: bool = False
    ranked: bool = False
    lower_is_better: bool = False
    spread: bool = False
    minor: int = 0
    note: str = ""

    @property
    def head(self) -> str:
        """Title and unit."""
        return f"{self.title} {self.unit}".strip()

    def head_lines(self, unit: str | None = None) -> list[str]:
        """The head broken into short lines; ``unit`` is how the format writes the unit."""
        head = self.head if unit is None else f"{self.title} {unit}".strip()
        # A long name of a task is broken after its data set.
        words = (one.replace("/", "/ ") if len(one) > 10 else one for one in head.split(" "))
        return textwrap.wrap(
            " ".join(words), width=10, break_long_words=False, break_on_hyphens=False
        )

    def fixed(self, value: float, *, signed: bool | None = None) -> str:
        """A value as it prints, with the column's decimals; zero has no sign."""
        text = f"{value * self.scale:+.{self.decimals}f}"
        wants_sign = self.signed if signed is None else signed
        if not text.strip("+-0."):
            return text[1:]
        return text if wants_sign or text[0] == "-" else text[1:]

    def parts(self, number: Number) -> tuple[str, str, str]:
        """Value, ``± sd`` and ``[low, high]`` as they print; empty where there is none."""
        spread = f"{PLUS_MINUS} {DASH}" if self.spread and not number.given else ""
        interval = ""
        if number.sd is not None:
            spread = f"{PLUS_MINUS} {self.fixed(number.sd, signed=False)}"
        if number.low is not None and number.high is not None:
            low, high = (self.fixed(one, signed=False) for one in (number.low, number.high))
            interval = f"[{low}, {high}]"
        return self.fixed(number.value), spread, interval


@dataclass(frozen=True)
class Table:
    """A table ready to be printed.

    Attributes:
        name: unique among the tables of a report; becomes the LaTeX label.
        caption: sentences that hold for every line of the table.
        rows: cells in the order of the columns.
        notes: footnotes on single lines.
        legend: footnotes that other tables share, besides those of columns.
        blocks: titles of blocks of lines, by the index of the block's first row.
    """

    title: str
    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Text, ...] = ()
    legend: tuple[str, ...] = ()
    blocks: Mapping[int, str] = field(default_factory=dict)

    def without_minor(self, above: int) -> Table:
        """The table without the columns that are more minor than ``above``."""
        kept = [at for at, column in enumerate(self.columns) if column.minor <= above]
        return replace(
            self,
            columns=tuple(self.columns[at] for at in kept),
            rows=tuple(tuple(row[at] for at in kept) for row in self.rows),
        )


def left_out_words(whole: Table, shown: Table, with_interval: Collection[int]) -> str:
    """What a narrow place has no room for: ``GPU MB, intervals of other numbers``; or nothing.

    Args:
        whole: the table.
        shown: the same with fewer columns.
        with_interval: those of its columns, by index, that print their intervals.
    """
    kept = {column.head for column in shown.columns}
    columns = [column.head for column in whole.columns if column.head not in kept]
    lost = set(columns_with_intervals(shown)) - set(with_interval)
    if lost:
        columns.append(f"intervals of {'other' if with_interval else 'all'} numbers")
    return ", ".join(columns)


def columns_with_intervals(table: Table) -> list[int]:
    """The columns, by index, of which some number has an interval."""
    return [
        at
        for at in range(len(table.columns))
        if any(isinstance(row[at], Number) and _has_interval(row[at]) for row in table.rows)
    ]


def _has_interval(cell: Cell) -> bool:
    return isinstance(cell, Number) and cell.low is not None and cell.high is not None


def with_spread(column: Column, cells: Iterable[Cell]) -> Column:
    """The column with `spread` set if some of its numbers have a deviation over seeds."""
    found = any(isinstance(cell, Number) and cell.sd is not None for cell in cells)
    return replace(column, spread=found)


def with_ranks(cells: Sequence[Cell], column: Column, eligible: Sequence[bool]) -> list[Cell]:
    """Mark the best and the second of a column; numbers that print alike share a rank."""
    printed = {
        float(column.fixed(cell.value))
        for cell, may in zip(cells, eligible, strict=True)
        if may and isinstance(cell, Number)
    }
    best_first = sorted(printed, reverse=not column.lower_is_better)
    ranks = {value: at + 1 for at, value in enumerate(best_first[:2])}
    return [
        replace(cell, rank=ranks.get(float(column.fixed(cell.value)), 0))
        if may and isinstance(cell, Number)
        else cell
        for cell, may in zip(cells, eligible, strict=True)
    ]


def shared_legend(tables: Iterable[Table], best: str) -> list[str]:
    """The legends of several tables, each sentence once, in the order they come.

    Args:
        tables: with the columns that are printed.
        best: how the format marks the best and the second of a column.
    """
    sentences: dict[str, None] = {}
    for table in tables:
        sentences |= dict.fromkeys(column.note for column in table.columns if column.note)
        sentences |= dict.fromkeys(table.legend)
        if any(isinstance(cell, Number) and cell.rank for row in table.rows for cell in row):
            sentences[best] = None
    return list(sentences)


def one_line(text: str) -> str:
    """Text without line breaks, control characters and runs of white space."""
    kept = "".join(" " if not one.isprintable() else one for one in text)
    return " ".join(kept.split())
