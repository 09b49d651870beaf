"""The HTML report: one file that needs no network and runs no foreign script."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bench.metrics.table import sign_of, title_of
from bench.report.html.content import Content, make_content
from bench.report.rows.provenance import unfinished
from bench.report.tables.table import Number, Text, shared_legend

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "BEST",
    "Content",
    "Pictures",
    "colour_bar",
    "make_content",
    "shell",
    "template_environment",
    "to_html",
]

BEST = "Bold: best of its column; underlined: second."


def to_html(content: Content) -> str:
    """Write the page; the same bytes for the same content.

    Everything that comes from cards and records is escaped, and a content security policy lets
    the page run its own script and nothing else, and load nothing.
    """
    return (
        template_environment()
        .get_template("page.html.j2")
        .render(
            content=content,
            **shell("filters.js", "pictures.js"),
            pictures=Pictures(),
            unfinished=unfinished(content.provenance.cells),
            sentences=shared_legend(
                [
                    *([content.across] if content.across else []),
                    *(one.table for one in content.tasks),
                    *(one.table for one in content.strata),
                    *(content.multiverse.tables if content.multiverse else ()),
                    *content.further,
                ],
                BEST,
            ),
            colour_bar=colour_bar() if any(one.gallery for one in content.tasks) else "",
        )
    )


def template_environment(*packages: str) -> Environment:
    """Templates of this package, and of others before it; all that they print is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: _template(name, packages)),
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
    return environment


def shell(*scripts: str, more_style: str = "") -> dict[str, Any]:
    """Style sheet, script and security policy of a page that runs these scripts and no other."""
    style, script = _read("style.css") + more_style, "".join(map(_read, scripts))
    allowed = _hash(script) if script else "'none'"
    return {
        "style": style,
        "script": script,
        "policy": (
            f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
            f"script-src {allowed}; base-uri 'none'; form-action 'none'"
        ),
    }


class Pictures:
    """All pictures of a page, each once, also if it is shown twice."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def add(self, picture: bytes) -> str:
        """Keep a picture; the name it is shown by."""
        name = hashlib.sha256(picture).hexdigest()[:16]
        self.kept[name] = base64.b64encode(picture).decode("ascii")
        return name


def colour_bar() -> str:
    """The colours of maps from low to high, as PNG in base64."""
    from bench.report.figures.pictures import colour_bar_png

    return base64.b64encode(colour_bar_png()).decode("ascii")


def _template(name: str, packages: tuple[str, ...]) -> str:
    for package in packages:
        path = files(package) / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return _read(name)


def _read(name: str) -> str:
    return (files("bench.report.html") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest())
    return f"'sha256-{digest.decode('ascii')}'"
