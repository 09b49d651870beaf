"""The detection limit as curves: size found in half of the cases, against contrast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.report.figures.chart import MOST_LINES, Axis, Chart, Series

if TYPE_CHECKING:
    from bench.stats.detection import Fitted

_APART = 1.02  # intervals of several methods stand beside each other


def limit_chart(title: str, name: str, fits: Mapping[str, Fitted]) -> Chart:
    """One curve per method; the first ones are drawn, as many as there are colours.

    Args:
        title: of the data set.
        name: of the chart.
        fits: by the label of each method, the best first.
    """
    drawn = list(fits.items())[:MOST_LINES]
    contrasts = [one.contrast for one in drawn[0][1].limits]
    sizes = sorted({size for size, _ in drawn[0][1].shares})
    # Beyond the sizes that were tried a curve is a guess: it is cut there.
    low, high = sizes[0] / 1.5, sizes[-1] * 1.5
    series = []
    for style, (label, one) in enumerate(drawn):
        shift = _APART ** (style - (len(drawn) - 1) / 2)
        points = [(at.contrast * shift, at.diameter_mm) for at in one.limits]
        # Where no size is found in half of the cases, its name alone stands at the upper edge.
        points = [point for point in points if point[1] <= high] or [(points[-1][0], high)]
        note = "; ".join(f"contrast {at.contrast:g}: {at.diameter_mm:.1f} mm" for at in one.limits)
        series.append(Series(label, tuple(points), "path", style, f"{label}: {note}"))
        for at in one.limits:
            if at.low is not None and at.high is not None:
                ends = (max(at.low, low), min(at.high, high))
                span = tuple((at.contrast * shift, end) for end in ends)
                series.append(Series("", span, style=style, note=f"{label}: {note}"))
    return Chart(
        name=name,
        title=title,
        caption="Diameter of the lesions that are found in half of the cases at one false positive "
        "per lesion-free volume; lower is better. Lines upright: 95 % intervals by bootstrap over "
        f"volumes. Sizes of {sizes[0]:g} to {sizes[-1]:g} mm were put in; a curve begins at the "
        "contrast from which one of them is found in half of the cases, and a lone point at the "
        "upper edge says that none is.",
        x=_axis("Contrast, share of the volume's range", contrasts, 1.15),
        y=_axis("Diameter, mm", sizes, 1.5),
        series=tuple(series),
    )


def _axis(title: str, values: list[float], margin: float) -> Axis:
    """A logarithmic axis with the values that were tried as its ticks."""
    low, high = values[0] / margin, values[-1] * margin
    if math.isclose(low, high):
        high *= 2
    return Axis(title, low, high, tuple((one, f"{one:g}") for one in values), log=True)
