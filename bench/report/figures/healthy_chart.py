"""Achieved against nominal rates of p-maps, one chart per task and source."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import counted
from bench.report.figures.chart import MOST_LINES, Axis, Chart, Series
from bench.report.tables.healthy import HealthyLine, by_source

_LOWEST = 1e-4  # a rate of 0 is drawn here


def healthy_charts(lines: Sequence[HealthyLine]) -> list[Chart]:
    """One chart per task and source; the first lines are drawn, as many as there are colours."""
    return [_chart(name, mine[:MOST_LINES], len(mine)) for name, mine in by_source(lines).items()]


def _chart(name: str, lines: Sequence[HealthyLine], of: int) -> Chart:
    levels = list(lines[0].levels)
    axis = tuple((one, f"{100 * one:g}") for one in (0.0001, 0.001, 0.01, 0.1, 1.0))
    exact = Series("as promised", ((levels[0], levels[0]), (levels[-1], levels[-1])), "chance")
    series = [exact]
    for style, one in enumerate(lines):
        means = [one.mean(one.achieved, level) for level in levels]
        points = tuple(
            (level, max(found.value, _LOWEST))
            for level, found in zip(levels, means, strict=True)
            if found is not None
        )
        note = f"{one.label}: {counted(len(one.achieved), 'healthy subject')}"
        series.append(Series(one.label, points, "path", style, note))
        for level, found in zip(levels, means, strict=True):
            if found is not None and found.low is not None and found.high is not None:
                ends = (max(found.low, _LOWEST), max(found.high, _LOWEST))
                series.append(Series("", tuple((level, end) for end in ends), "line", style, note))
    file = "".join(letter if letter.isalnum() else "-" for letter in name).replace("--", "-")
    return Chart(
        name=f"healthy-{file}",
        title=f"{name}: achieved against nominal rate",
        caption="Share of the foreground of healthy test subjects that a p-map marks, against "
        "what it promises; dashed: as promised, above it are too many false positives. Lines "
        "upright: 95 % intervals over subjects."
        + (
            f" {counted(of - len(lines), 'more line', 'are')} in the table."
            if of > len(lines)
            else ""
        ),
        x=Axis("Nominal rate, %", levels[0] / 1.3, levels[-1] * 1.3, axis[1:4], log=True),
        y=Axis("Achieved rate, %", _LOWEST, 1.0, axis, log=True),
        series=tuple(series),
    )
