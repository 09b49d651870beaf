"""Renders tables as GitHub Markdown, aligned so that the source reads well too."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.tables.table import (
    DASH,
    Cell,
    Column,
    Number,
    Table,
    Text,
    one_line,
    shared_legend,
)

# Escaped by a backslash; `&`, `<` and `>` become entities, because GitHub lets some HTML through.
_SPECIAL = frozenset("\\`*_[]|~$#")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BEST = "Bold: best of its column; italic: second."
_MARK = {0: "", 1: "**", 2: "*"}


def to_markdown(tables: Sequence[Table]) -> str:
    """All tables, then one legend for all of them.

    Returns:
        Text that ends with a line break; empty without tables.
    """
    blocks = [_block(table) for table in tables]
    legend = shared_legend(tables, _BEST)
    if legend:
        blocks.append("\n".join(["## Legend", "", *(f"- {escape(one)}" for one in legend)]))
    return "".join(f"{block}\n\n" for block in blocks).rstrip("\n") + "\n" if blocks else ""


def escape(text: str) -> str:
    """Text that Markdown prints as it is, on one line."""
    return "".join(
        f"\\{one}" if one in _SPECIAL else _ENTITIES.get(one, one) for one in one_line(text)
    )


def _block(table: Table) -> str:
    heads = [escape(column.head) for column in table.columns]
    body = []
    for at, row in enumerate(table.rows):
        if at in table.blocks:
            title = f"**{escape(table.blocks[at])}**"
            body.append([title, *("" for _ in table.columns[1:])])
        cells = zip(row, table.columns, strict=True)
        body.append([_cell(cell, column) for cell, column in cells])
    right = [column.kind == "number" for column in table.columns]
    widths = [
        max(len(head), 3, *(len(row[at]) for row in body)) if body else max(len(head), 3)
        for at, head in enumerate(heads)
    ]
    rule = [
        "-" * (width - 1) + ":" if is_right else "-" * width
        for width, is_right in zip(widths, right, strict=True)
    ]
    lines = [f"## {escape(table.title)}", "", escape(table.caption), ""]
    lines += [_line(row, widths, right) for row in (heads, rule, *body)]
    if table.notes:
        lines += ["", *(f"- {_note(note)}" for note in table.notes)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    ]
    return f"| {' | '.join(padded)} |"


def _cell(cell: Cell, column: Column) -> str:
    if cell is None:
        return DASH
    if isinstance(cell, Text):
        return _note(cell)
    return _number(cell, column)


def _number(number: Number, column: Column) -> str:
    value, spread, interval = column.parts(number)
    mark = _MARK[number.rank]
    return " ".join(part for part in (f"{mark}{value}{mark}", spread, interval) if part)


def _note(text: Text) -> str:
    words = escape(text.text)
    if not text.command:
        return words
    # A backtick cannot be escaped inside a code span; GitHub needs `|` escaped even there.
    command = one_line(text.command).replace("`", "'").replace("|", "\\|")
    return f"{words} `{command}`".strip()
