"""Prints tables on a terminal with rich, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.tables.table import (
    DASH,
    Cell,
    Column,
    Number,
    Table,
    Text,
    left_out_words,
    one_line,
    shared_legend,
)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text as RichText

_BEST = "Bold: best of its column; underlined: second."
_PROSE = 26  # least width of a column of prose
_STYLE = {0: "", 1: "bold", 2: "underline"}


def print_tables(
    tables: Sequence[Table], console: Console | None = None, *, legend: bool = True
) -> None:
    """Print tables with their footnotes.

    Where a table is wider than the terminal, intervals of all but its first numbers are left
    out, then minor columns, then the first intervals; at last names are folded.

    Args:
        tables: of `build_report`.
        console: where to; None means standard output.
        legend: print what columns and signs mean.
    """
    from rich.console import Console
    from rich.text import Text as RichText

    screen = console or Console()
    shown = []
    for table in tables:
        drawn, fitted, intervals = _fitting(table, screen)
        shown.append(fitted)
        screen.print(RichText(one_line(table.title), style="bold"))
        screen.print(RichText(one_line(table.caption)))
        screen.print(drawn)
        for note in table.notes:
            screen.print(_words(note, "• "))
        left_out = left_out_words(table, fitted, intervals)
        if left_out:
            words = f"• Not shown, as the terminal is narrow: {left_out}."
            screen.print(RichText(words, style="dim"))
        screen.print()
    for sentence in shared_legend(shown, _BEST) if legend else ():
        screen.print(RichText(one_line(sentence), style="dim"))


def _fitting(table: Table, screen: Console) -> tuple[RichTable, Table, list[int]]:
    """The table as it is drawn, what is left of it, and its columns that print intervals."""
    from rich.measure import Measurement

    highest = max((column.minor for column in table.columns), default=0)
    choices = [(2, highest), *((1, minor) for minor in range(highest, -1, -1)), (0, 0)]
    for intervals, minor in choices:
        fitted = table.without_minor(minor)
        drawn = _drawn(fitted, intervals=intervals, fold=False)
        options = screen.options.update(width=1000)
        if Measurement.get(screen, options, drawn).minimum <= screen.width:
            return drawn, fitted, _with_interval(fitted, intervals)
    return _drawn(fitted, intervals=0, fold=True), fitted, []


def _with_interval(table: Table, intervals: int) -> list[int]:
    """No, the first or all columns of numbers."""
    numbers = [at for at, column in enumerate(table.columns) if column.kind == "number"]
    return {0: [], 1: numbers[:1], 2: numbers}[intervals]


def _drawn(table: Table, *, intervals: int, fold: bool) -> RichTable:
    """A table with intervals on no, the first or all columns of numbers."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text as RichText

    with_interval = _with_interval(table, intervals)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    cells = [
        [_cell(cell, table.columns[at], at in with_interval) for at, cell in enumerate(row)]
        for row in table.rows
    ]
    heads = [column.head_lines() for column in table.columns]
    tallest = max(map(len, heads))
    for at, column in enumerate(table.columns):
        # Rich would cut numbers without a least width.
        widest = max([*map(len, heads[at]), *(row[at].cell_len for row in cells)])
        least = {"number": widest, "text": 6 if fold else widest, "prose": 6 if fold else _PROSE}
        drawn.add_column(
            RichText("\n".join([""] * (tallest - len(heads[at])) + heads[at])),
            justify="right" if column.kind == "number" else "left",
            min_width=least[column.kind],
            no_wrap=column.kind == "number",
            overflow="fold",
        )
    for at, row in enumerate(cells):
        if at in table.blocks:
            drawn.add_row(RichText(one_line(table.blocks[at]), style="italic"))
        drawn.add_row(*row)
    return drawn


def _cell(cell: Cell, column: Column, interval: bool) -> RichText:
    from rich.text import Text as RichText

    if cell is None:
        return RichText(DASH, style="dim")
    if isinstance(cell, Text):
        return _words(cell)
    return _number(cell, column, interval)


def _number(number: Number, column: Column, interval: bool) -> RichText:
    from rich.text import Text as RichText

    value, spread, span = column.parts(number)
    text = RichText(value, style=_STYLE[number.rank])
    rest = " ".join(part for part in (spread, span if interval else "") if part)
    return RichText.assemble(text, f" {rest}") if rest else text


def _words(text: Text, before: str = "") -> RichText:
    """Never read as rich's markup: a reason may hold square brackets."""
    from rich.text import Text as RichText

    words = RichText(f"{before}{one_line(text.text)}")
    if text.command:
        words.append(" ")
        words.append(one_line(text.command), style="cyan")
    return words
