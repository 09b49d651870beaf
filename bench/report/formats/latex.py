r"""Renders tables as LaTeX; the document needs booktabs, array and longtable.

A table is a float where it fits one page, else a longtable. A number is up to three columns:
value, spread over seeds, interval. Decimals align because a column has a fixed number of them, so
plain ``r`` columns do; whoever wants siunitx can turn an ``r`` into ``S``: emphasis is written in
the form that works in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bench.report.formats.latex_page import Page, pages
from bench.report.formats.latex_text import escape, letters_beyond
from bench.report.tables.table import (
    DASH,
    PLUS_MINUS,
    Cell,
    Column,
    Number,
    Table,
    one_line,
    shared_legend,
)

PREAMBLE = r"% Needs \usepackage{booktabs,array,longtable}; longtable needs a page of one column."
_ENGINE = r"""% pdflatex cannot print some letters. Compile with xelatex or lualatex, and set a
% font that has them: \usepackage{fontspec}\setmainfont{...}. The letters:"""

_BEST = "Bold: best of its column; underlined: second."
_NAMES = r">{\raggedright\arraybackslash}p{90pt}"
_SMALL = r"\footnotesize\setlength{\tabcolsep}{3pt}"


def to_latex(tables: Sequence[Table]) -> str:
    """All tables, each with its own footnotes and no wider than the page.

    Commands to run are for the author: they are comments above their table.

    Returns:
        Text for a document's body that ends with a line break; empty without tables.
    """
    if not tables:
        return ""
    parts = []
    for table in tables:
        commands = [note for note in table.notes if note.command]
        plain = replace(table, notes=tuple(note for note in table.notes if not note.command))
        comments = [f"% {one_line(note.plain)}" for note in commands]
        parts.append("\n".join([*comments, *(_printed(page) for page in pages(plain))]))
    beyond = " ".join(letters_beyond("".join(parts)))
    head = f"{PREAMBLE}\n{_ENGINE} {beyond}" if beyond else PREAMBLE
    return "\n\n".join([head, *parts]) + "\n"


def _printed(page: Page) -> str:
    table = page.table
    columns, rows = table.columns, table.rows
    spans = [
        _span(column, [row[at] for row in rows], at in page.intervals)
        for at, column in enumerate(columns)
    ]
    width = sum(1 + sum(span) for span in spans)
    body = []
    for at, row in enumerate(rows):
        if at in table.blocks:
            body += [r"  \addlinespace"] if at else []
            title = rf"\itshape {escape(table.blocks[at])}"
            body.append(rf"  \multicolumn{{{width}}}{{@{{}}l}}{{{title}}} \\")
        cells = zip(row, columns, spans, strict=True)
        body.append("  " + " & ".join(_cell(*one) for one in cells) + r" \\")
    heads = [_head(column, span) for column, span in zip(columns, spans, strict=True)]
    notes = [escape(note.plain) for note in table.notes]
    legend = shared_legend([table], _BEST)
    notes += [escape(one) for one in legend if page.intervals or not one.startswith("[low, high]")]
    form = _longtable if page.long else _float
    spec = rf"@{{}}{_spec(columns, spans, page)}@{{}}"
    return "\n".join(form(table, spec, "  " + " & ".join(heads) + r" \\", body, notes))


def _caption(table: Table) -> tuple[str, str]:
    words = rf"\caption{{{escape(table.title)}. {escape(table.caption)}}}"
    return words, rf"\label{{tab:{re.sub('[^A-Za-z0-9-]', '-', table.name)}}}"


def _float(
    table: Table, spec: str, heads: str, body: Sequence[str], notes: Sequence[str]
) -> list[str]:
    return [
        r"\begin{table}[tbp]",
        rf"\centering{_SMALL}",
        *_caption(table),
        rf"\begin{{tabular}}{{{spec}}}",
        r"  \toprule",
        heads,
        r"  \midrule",
        *body,
        r"  \bottomrule",
        r"\end{tabular}",
        *([r"\par\smallskip\raggedright\scriptsize"] if notes else []),
        *(note + r"\par" for note in notes),
        r"\end{table}",
    ]


def _longtable(
    table: Table, spec: str, heads: str, body: Sequence[str], notes: Sequence[str]
) -> list[str]:
    """The heads are on every page; the footnotes are paragraphs after it."""
    caption, label = _caption(table)
    return [
        rf"\begingroup{_SMALL}\setlength{{\LTcapwidth}}{{\linewidth}}",
        rf"\begin{{longtable}}{{{spec}}}",
        f"{caption}{label}" + r" \\",
        r"  \toprule",
        heads,
        r"  \midrule",
        r"\endfirsthead",
        r"  \toprule",
        heads,
        r"  \midrule",
        r"\endhead",
        r"  \bottomrule",
        r"\endfoot",
        *body,
        r"\end{longtable}",
        *([r"\noindent\raggedright\scriptsize"] if notes else []),
        *(r"\noindent " + note + r"\par" for note in notes),
        r"\endgroup",
    ]


def _span(column: Column, cells: Sequence[Cell], interval: bool) -> tuple[bool, bool]:
    """Whether a column of numbers shows a spread, and whether it shows an interval."""
    numbers = [cell for cell in cells if isinstance(cell, Number)]
    shown = [column.parts(number) for number in numbers]
    return any(spread for _, spread, _ in shown), interval and any(span for _, _, span in shown)


def _spec(columns: Sequence[Column], spans: Sequence[tuple[bool, bool]], page: Page) -> str:
    prose = rf">{{\raggedright\arraybackslash}}p{{{page.prose:.2f}\linewidth}}"
    kinds = {"text": "l", "prose": prose}
    return "".join(
        "r" + r"@{\,}l" * sum(span)
        if column.kind == "number"
        else (_NAMES if at in page.wrapped else kinds[column.kind])
        for at, (column, span) in enumerate(zip(columns, spans, strict=True))
    )


def _head(column: Column, span: tuple[bool, bool]) -> str:
    unit = f"({column.unit})" if column.unit else ""
    lines = r" \\ ".join(escape(line) for line in column.head_lines(unit))
    head = rf"\shortstack{{{lines}}}" if r"\\" in lines else lines
    if column.kind != "number":
        return head
    return rf"\multicolumn{{{1 + sum(span)}}}{{c}}{{{head}}}"


def _cell(cell: Cell, column: Column, span: tuple[bool, bool]) -> str:
    if isinstance(cell, Number):
        return _number(cell, column, span)
    words = "--" if cell is None else escape(cell.text.removesuffix(":"))
    if column.kind != "number":
        return words
    return rf"\multicolumn{{{1 + sum(span)}}}{{c}}{{{words}}}"


def _number(number: Number, column: Column, span: tuple[bool, bool]) -> str:
    value, spread, interval = column.parts(number)
    if column.signed:
        value = f"{{${value}$}}"
    if number.rank == 1:
        value = rf"\bfseries {value}"
    elif number.rank == 2:
        value = rf"{{\underline{{{value}}}}}"
    parts = [value]
    if span[0]:
        spread = spread.replace(f"{PLUS_MINUS} ", r"$\pm$\,").replace(DASH, "--")
        parts.append(rf"{{\scriptsize {spread}}}" if spread else "")
    if span[1]:
        parts.append(rf"{{\scriptsize {interval}}}" if interval else "")
    return " & ".join(parts)
