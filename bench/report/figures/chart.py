"""One model of a chart, drawn as SVG in the HTML report and by matplotlib for papers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

# Okabe and Ito's colours, which differ for every kind of colour vision; pale yellow is left out.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ((), (5, 2), (1.5, 1.5))
MARKERS = ("circle", "square", "triangle")
MOST_LINES = len(COLOURS)
"""More curves in one chart would look alike."""
STYLES = len(COLOURS) * len(MARKERS)
"""How many lines have a colour and marker of their own."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        low: where it begins; above 0 on a logarithmic axis.
        high: where it ends.
        ticks: positions and their labels.
        log: logarithmic.
    """

    title: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def share(self, value: float) -> float:
        """The share of the axis before a value, 0 to 1; values beyond an end are drawn on it."""
        low, high = (self.low, self.high)
        if self.log:
            value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
        return min(max((value - low) / (high - low), 0.0), 1.0)


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Attributes:
        label: its name in the legend; empty for none.
        points: in the axes' units.
        kind: ``line``; ``dots``; ``path`` is both; ``chance`` is a grey dashed line; ``bar`` a
            thick line.
        style: which colour and dash; the same method has the same one in a task's charts.
        note: more of it, shown where the reader asks.
    """

    label: str
    points: tuple[Point, ...]
    kind: Literal["line", "dots", "path", "chance", "bar"] = "line"
    style: int = 0
    note: str = ""

    @property
    def colour(self) -> str:
        """As ``#rrggbb``."""
        return COLOURS[self.style % len(COLOURS)]

    @property
    def marker(self) -> str:
        """One of `MARKERS`."""
        return MARKERS[self.style // len(COLOURS) % len(MARKERS)]

    @property
    def dash(self) -> tuple[float, ...]:
        """On and off lengths; empty for a solid line."""
        return DASHES[self.style // len(COLOURS) % len(DASHES)]


@dataclass(frozen=True)
class Chart:
    """A chart ready to be drawn.

    Attributes:
        name: unique in a report; becomes a file's name.
        caption: what must be known to read it.
        ordered: the vertical axis runs downwards (ranks, names).
    """

    name: str
    title: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[Series, ...] = field(default=())
    ordered: bool = False

    def position(self, point: Point) -> Point:
        """Where a point is drawn: from 0 to 1 across and down, measured from the top left."""
        down = self.y.share(point[1])
        return self.x.share(point[0]), down if self.ordered else 1.0 - down


def percent(share: float, decimals: int = 2) -> str:
    """A share in words, with a space as in tables: ``88.52 %``."""
    return f"{100 * share:.{decimals}f} %"


def percent_axis(title: str) -> Axis:
    """From 0 to 100 %, of values from 0 to 1."""
    return Axis(title, 0.0, 1.0, tuple((at / 5, f"{20 * at}") for at in range(6)))


def log_axis(title: str, low: float, high: float, *, scale: float = 1.0) -> Axis:
    """Whole decades around positive values; labels are values times ``scale``."""
    first = math.floor(math.log10(low) + 1e-9)
    last = max(math.ceil(math.log10(high) - 1e-9), first + 1)
    step = max(1, math.ceil((last - first) / 6))
    ticks = tuple((10.0**at, _short(10.0**at * scale)) for at in range(first, last + 1, step))
    return Axis(title, 10.0**first, 10.0**last, ticks, log=True)


def plain_axis(title: str, low: float, high: float, *, scale: float = 1.0) -> Axis:
    """From a round number below to a round number above; labels are values times ``scale``."""
    from matplotlib.ticker import MaxNLocator  # heavy, and most reports have no chart

    first, last = low * scale, high * scale
    if first == last:
        last += 1.0
    found = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(first, last)
    ticks = tuple((float(at) / scale, _short(float(at))) for at in found)
    return Axis(title, ticks[0][0], ticks[-1][0], ticks)


def names_axis(names: list[str]) -> Axis:
    """A position for each name, in order."""
    return Axis("", -0.5, len(names) - 0.5, tuple((float(at), one) for at, one in enumerate(names)))


def _short(value: float) -> str:
    if value == 0:
        return "0"
    text = f"{value:.6g}"
    return f"{value:g}" if len(text) > 7 else text
