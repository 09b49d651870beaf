r"""Renders tables as LaTeX floats; the document needs booktabs and array.

A number is up to three columns: value, spread over seeds, interval. Decimals align because a
column has a fixed number of them, so plain ``r`` columns do; whoever wants siunitx can turn an
``r`` into ``S``: emphasis is written in the form that works in both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.report.formats.latex_text import escape, letters_beyond
from bench.report.tables.table import (
    DASH,
    PLUS_MINUS,
    Cell,
    Column,
    Number,
    Table,
    Text,
    shared_legend,
)

PREAMBLE = r"% Needs \usepackage{booktabs,array}."
_ENGINE = r"""% pdflatex cannot print some letters. Compile with xelatex or lualatex, and set a
% font that has them: \usepackage{fontspec}\setmainfont{...}. The letters:"""

# Costs and numbers of seeds would make a table wider than a page's text; CSV has them.
_MOST_MINOR = 1
_BEST = "Bold: best of its column; underlined: second."
_PROSE = r">{\raggedright\arraybackslash}p{0.2\linewidth}"


def to_latex(tables: Sequence[Table]) -> str:
    """All tables as floats, each with its own footnotes.

    Returns:
        Text for a document's body that ends with a line break; empty without tables.
    """
    if not tables:
        return ""
    floats = [_float(table.without_minor(_MOST_MINOR)) for table in tables]
    beyond = " ".join(letters_beyond("".join(floats)))
    head = f"{PREAMBLE}\n{_ENGINE} {beyond}" if beyond else PREAMBLE
    return "\n\n".join([head, *floats]) + "\n"


def _float(table: Table) -> str:
    columns, rows = table.columns, table.rows
    spans = [_span(column, [row[at] for row in rows]) for at, column in enumerate(columns)]
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
    notes = [_note(note) for note in table.notes]
    notes += [escape(one) for one in shared_legend([table], _BEST)]
    return "\n".join(
        [
            r"\begin{table}[tbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{escape(table.title)}. {escape(table.caption)}}}",
            rf"\label{{tab:{re.sub('[^A-Za-z0-9-]', '-', table.name)}}}",
            rf"\begin{{tabular}}{{@{{}}{_spec(columns, spans)}@{{}}}}",
            r"  \toprule",
            "  " + " & ".join(heads) + r" \\",
            r"  \midrule",
            *body,
            r"  \bottomrule",
            r"\end{tabular}",
            *([r"\par\smallskip\raggedright\scriptsize"] if notes else []),
            *(note + r"\par" for note in notes),
            r"\end{table}",
        ]
    )


def _span(column: Column, cells: Sequence[Cell]) -> tuple[bool, bool]:
    """Whether a column of numbers shows a spread, and whether it shows an interval."""
    numbers = [cell for cell in cells if isinstance(cell, Number)]
    shown = [column.parts(number) for number in numbers]
    return any(spread for _, spread, _ in shown), any(interval for _, _, interval in shown)


def _spec(columns: Sequence[Column], spans: Sequence[tuple[bool, bool]]) -> str:
    kinds = {"text": "l", "prose": _PROSE}
    return "".join(
        "r" + r"@{\,}l" * sum(span) if column.kind == "number" else kinds[column.kind]
        for column, span in zip(columns, spans, strict=True)
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
    words = "--" if cell is None else _note(cell)
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


def _note(text: Text) -> str:
    words = escape(text.text)
    if not text.command:
        return words
    # Two hyphens would become a dash.
    command = escape(text.command).replace("--", "-{}-")
    return rf"{words} \texttt{{{command}}}".strip()
