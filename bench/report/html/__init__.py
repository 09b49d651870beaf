"""The HTML report: one file that needs no network and runs no foreign script."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from bench.metrics.table import sign_of, title_of
from bench.report.html.content import Content, make_content
from bench.report.rows.provenance import unfinished
from bench.report.tables.table import Number, Text, shared_legend

__all__ = ["Content", "make_content", "to_html"]


def to_html(content: Content) -> str:
    """Write the page; the same bytes for the same content.

    Everything that comes from cards and records is escaped, and a content security policy lets
    the page run its own script and nothing else, and load nothing.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["number"] = lambda cell: isinstance(cell, Number)
    environment.tests["words"] = lambda cell: isinstance(cell, Text)
    environment.tests["lower_better"] = lambda metric: sign_of(metric) < 0
    environment.filters["metric"] = title_of
    environment.filters["percent"] = lambda value: f"{100 * value:.2f}"
    style, script = _read("style.css"), _read("script.js")
    return environment.get_template("page.html.j2").render(
        content=content,
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
            f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
        ),
        pictures=_Pictures(),
        unfinished=unfinished(content.provenance.cells),
        sentences=shared_legend(
            [
                *([content.across] if content.across else []),
                *(one.table for one in content.tasks),
                *(one.table for one in content.strata),
                *(content.multiverse.tables if content.multiverse else ()),
                *content.further,
            ],
            "Bold: best of its column; underlined: second.",
        ),
        colour_bar=_colour_bar() if any(one.gallery for one in content.tasks) else "",
    )


class _Pictures:
    """All pictures of a page, each once, also if it is shown twice."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def add(self, picture: bytes) -> str:
        """Keep a picture; the name it is shown by."""
        name = hashlib.sha256(picture).hexdigest()[:16]
        self.kept[name] = base64.b64encode(picture).decode("ascii")
        return name


def _read(name: str) -> str:
    return (files("bench.report.html") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"


def _colour_bar() -> str:
    from bench.report.figures.pictures import colour_bar_png

    return base64.b64encode(colour_bar_png()).decode("ascii")
