"""Tables as a notebook shows them: plain HTML without style sheet and script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from bench.report.tables.table import Number, Table, Text, shared_legend


def tables_to_html(tables: Sequence[Table]) -> str:
    """Write tables as a piece of HTML; all words of cards and records are escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.tests["number"] = lambda cell: isinstance(cell, Number)
    environment.tests["words"] = lambda cell: isinstance(cell, Text)
    template = (files("bench.report.html") / "notebook.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        tables=tables,
        sentences=shared_legend(tables, "Bold: best of its column; underlined: second."),
    )
