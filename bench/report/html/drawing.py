"""A chart laid out for SVG, in the units of its own drawing.

The page does not use matplotlib's SVG. Measured on the sample report of the tests: 122 KB for its
9 charts instead of 26 KB, and 226 KB instead of 88 KB for 15 charts with curves, without the text
that a reader sees over a point; and its inline styles are forbidden by the page's security policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.figures.chart import Chart, Point, Series

WIDTH = 360
_LINE = 18  # height of one name on a vertical axis
_RIGHT, _TOP, _BOTTOM = 12, 10, 44
_LETTER = 6.2  # width of a letter at the drawing's font size
_MOST_GUTTER = 150
_SLANTED_GUTTER = 64  # room for the first of the slanted names
_SLANTED_LETTERS = 16


@dataclass(frozen=True)
class Stroke:
    """A line; ``d`` is an SVG path."""

    d: str
    series: Series


@dataclass(frozen=True)
class Dot:
    """A marker; ``d`` is an SVG path around it."""

    d: str
    series: Series


@dataclass(frozen=True)
class Tick:
    """A tick: where it is, what it says, and the whole text where that was cut."""

    at: float
    text: str
    whole: str


@dataclass(frozen=True)
class Drawing:
    """What the template needs.

    Attributes:
        slanted: labels of the horizontal axis are names, and are slanted.
    """

    chart: Chart
    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    strokes: tuple[Stroke, ...]
    dots: tuple[Dot, ...]
    slanted: bool


def lay_out(chart: Chart) -> Drawing:
    """Compute where everything of a chart is drawn, in SVG units."""
    named_rows, named_columns = not chart.y.title, not chart.x.title
    longest = max(len(label) for _, label in chart.y.ticks)
    gutter = min(longest * _LETTER + 10, _MOST_GUTTER) + (0 if named_rows else 16)
    if named_columns:
        gutter = max(gutter, _SLANTED_GUTTER)
    inner = len(chart.y.ticks) * _LINE if named_rows else 200
    below = _BOTTOM + (52 if named_columns else 0)
    left, right, top = gutter, WIDTH - _RIGHT, _TOP
    bottom = top + inner

    def position(point: Point) -> Point:
        across, down = chart.position(point)
        return left + across * (right - left), top + down * inner

    letters = int((gutter - 10) / _LETTER) if named_rows else 99
    return Drawing(
        chart=chart,
        width=WIDTH,
        height=bottom + below,
        left=left,
        right=right,
        top=top,
        bottom=bottom,
        x_ticks=tuple(
            _tick(position((at, chart.y.low))[0], label, _SLANTED_LETTERS)
            for at, label in chart.x.ticks
        ),
        y_ticks=tuple(
            _tick(position((chart.x.low, at))[1], label, letters) for at, label in chart.y.ticks
        ),
        strokes=tuple(
            Stroke(_path([position(point) for point in one.points]), one)
            for one in chart.series
            if one.kind != "dots"
        ),
        dots=tuple(
            Dot(_marker(one.marker, *position(point)), one)
            for one in chart.series
            if one.kind in ("dots", "path")
            for point in one.points
        ),
        slanted=named_columns,
    )


def _tick(at: float, label: str, letters: int) -> Tick:
    cut = label if len(label) <= letters else f"{label[: letters - 1]}…"
    return Tick(round(at, 1), cut, label)


def _path(points: Sequence[Point]) -> str:
    words: list[str] = []
    for x, y in points:
        word = f"{x:.1f} {y:.1f}"
        if not words or words[-1] != word:
            words.append(word)
    return f"M{'L'.join(words)}"


def _marker(kind: str, x: float, y: float) -> str:
    if kind == "square":
        return f"M{x - 3.5:.1f} {y - 3.5:.1f}h7v7h-7z"
    if kind == "triangle":
        return f"M{x:.1f} {y - 4.5:.1f}l4.5 8h-9z"
    return f"M{x - 4:.1f} {y:.1f}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"
