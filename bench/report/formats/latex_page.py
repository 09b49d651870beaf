"""How a table fits the page of a paper: what is left out, wrapped or parted, and in which form.

The page is that of LaTeX's own `article` at 10 pt, on A4 and on letter alike: 345 pt wide, and on
letter 550 pt high. Widths are those of Computer Modern, estimated from the number of letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.report.tables.table import (
    Cell,
    Column,
    Number,
    Table,
    Text,
    columns_with_intervals,
    left_out_words,
)

_WIDTH, _HEIGHT = 332.0, 550.0  # less 4 %, since letters are of different widths
_LETTER, _SMALL = 4.25, 3.99  # pt per character of footnotesize, and of scriptsize
_GAP = 6.0  # between columns, at \tabcolsep 3pt
_LINE, _NOTE_LINE, _NOTE_LETTERS = 9.5, 8.0, 92
_WRAPPED = 21  # characters of a name that is broken into lines
_PROSE_SHARE, _MOST_PROSE = 0.2, 0.4
_FULL = 0.8  # of the page: a float that is higher waits for a page of its own, or fits none


@dataclass(frozen=True)
class Page:
    """A table as it is printed.

    Attributes:
        intervals: the columns, by index, that print theirs.
        wrapped: the columns of names that are broken into lines.
        prose: the width of a column of sentences, as a share of the page's.
        long: the table runs over pages, or could.
    """

    table: Table
    intervals: frozenset[int]
    wrapped: frozenset[int]
    prose: float
    long: bool


def pages(table: Table) -> list[Page]:
    """The table, or its parts, each as wide as the page at most.

    What does not fit is left out in this order: intervals of all but the first numbers, minor
    columns, all intervals. What is still too wide is parted, with the names in every part.
    """
    fitted, intervals, left_out = _fitting(table)
    if left_out:
        note = Text(f"Not shown for lack of space: {left_out}; bench report --format csv has them.")
        fitted = replace(fitted, notes=(*fitted.notes, note))
    parts = [fitted] if _width(fitted, intervals) <= _WIDTH else _parted(fitted)
    intervals = intervals if len(parts) == 1 else frozenset()
    made = []
    for one in parts:
        rest = _WIDTH - _width(one, intervals)
        prose = min(_PROSE_SHARE + max(rest, 0) / _WIDTH, _MOST_PROSE)
        made.append(Page(one, intervals, _wrapped(one), prose, _is_long(one, prose)))
    return made


def _fitting(table: Table) -> tuple[Table, frozenset[int], str]:
    """The table, the columns whose intervals are printed, and what is left out in words."""
    highest = max((column.minor for column in table.columns), default=0)
    every = [(table.without_minor(minor), minor) for minor in range(min(highest, 1), -1, -1)]
    choices = [
        (every[0][0], columns_with_intervals(every[0][0])),
        *((one, columns_with_intervals(one)[:1]) for one, _ in every),
    ]
    choices.append((every[-1][0], []))
    for fitted, numbers in choices:
        intervals = frozenset(numbers)
        if _width(fitted, intervals) <= _WIDTH:
            break
    return fitted, intervals, left_out_words(every[0][0], fitted, intervals)


def _width(table: Table, intervals: frozenset[int]) -> float:
    cells = [[row[at] for row in table.rows] for at in range(len(table.columns))]
    widths = [
        _column_width(column, below, at in intervals)
        for at, (column, below) in enumerate(zip(table.columns, cells, strict=True))
    ]
    return sum(widths) + _GAP * (len(widths) - 1)


def _column_width(column: Column, cells: Sequence[Cell], interval: bool) -> float:
    head = max((len(line) for line in column.head_lines()), default=0) * _LETTER
    if column.kind == "prose":
        return max(head, _PROSE_SHARE * _WIDTH)
    if column.kind == "text":
        longest = max((len(one.text) for one in cells if isinstance(one, Text)), default=1)
        return max(head, min(longest, _WRAPPED) * _LETTER)
    parts = [column.parts(one) for one in cells if isinstance(one, Number)]
    widths = [len(value) * _LETTER + 2 for value, _, _ in parts] or [_LETTER]
    spread = max((len(spread) * _SMALL for _, spread, _ in parts), default=0)
    span = max((len(span) * _SMALL for _, _, span in parts), default=0) if interval else 0
    words = max((len(one.text) * _LETTER for one in cells if isinstance(one, Text)), default=0)
    return max(head, words, max(widths) + spread + span)


def _wrapped(table: Table) -> frozenset[int]:
    """Columns of names that are too long for one line."""
    return frozenset(
        at
        for at, column in enumerate(table.columns)
        if column.kind == "text"
        and any(isinstance(r[at], Text) and len(r[at].text) > _WRAPPED for r in table.rows)  # type: ignore[union-attr]
    )


def _parted(table: Table) -> list[Table]:
    """Parts that share the leading columns of names; notes are below the last one."""
    kinds = [column.kind for column in table.columns]
    names = next((at for at, kind in enumerate(kinds) if kind != "text"), len(kinds))
    groups: list[list[int]] = [[]]
    for at in range(max(names, 1), len(kinds)):
        wider = [*range(max(names, 1)), *groups[-1], at]
        if groups[-1] and _width(_only(table, wider), frozenset()) > _WIDTH:
            groups.append([])
        groups[-1].append(at)
    parts = []
    for number, group in enumerate(groups, 1):
        part = _only(table, [*range(max(names, 1)), *group])
        more = f", part {number} of {len(groups)}" if len(groups) > 1 else ""
        last = number == len(groups)
        parts.append(
            replace(
                part,
                title=f"{table.title}{more}",
                name=f"{table.name}-{number}" if more else table.name,
                caption=table.caption if number == 1 else f"Continues part {number - 1}.",
                notes=table.notes if last else (),
                legend=table.legend if last else (),
            )
        )
    return parts


def _only(table: Table, kept: Sequence[int]) -> Table:
    return replace(
        table,
        columns=tuple(table.columns[at] for at in kept),
        rows=tuple(tuple(row[at] for at in kept) for row in table.rows),
    )


def _is_long(table: Table, prose: float) -> bool:
    """Whether the table with its caption and notes may be higher than a float should be."""
    height = (len(table.blocks) + 4) * _LINE
    for row in table.rows:
        height += _LINE * max(
            _cell_lines(*one, prose) for one in zip(row, table.columns, strict=True)
        )
    for text in (f"{table.title} {table.caption}", *(note.plain for note in table.notes)):
        height += _NOTE_LINE * math.ceil(len(text) / _NOTE_LETTERS)
    height += sum(_NOTE_LINE * math.ceil(len(one) / _NOTE_LETTERS) for one in table.legend)
    return height > _FULL * _HEIGHT


def _cell_lines(cell: Cell, column: Column, prose: float) -> int:
    if not isinstance(cell, Text):
        return 1
    letters = prose * _WIDTH / _LETTER if column.kind == "prose" else _WRAPPED
    return max(math.ceil(1.15 * len(cell.text) / letters), 1)
