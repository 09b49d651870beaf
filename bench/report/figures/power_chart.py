"""What difference so many subjects can show: a curve per task."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import counted
from bench.metrics.table import title_of
from bench.report.figures.chart import MOST_LINES, Chart, Series, log_axis
from bench.report.tables.duels import Duel
from bench.report.tables.power import usable
from bench.stats.limits import ALPHA, LEAST_SUBJECTS, MOST_SUBJECTS, POWER

_SIZES = (LEAST_SUBJECTS, 6, 8, 10, 15, 20, 30, 50, 80, 120, 200, 350, 600, MOST_SUBJECTS)


def power_chart(found: Sequence[Duel], first: str, second: str) -> Chart:
    """The smallest difference that is shown, against the number of subjects.

    Args:
        found: of `duels`; the first ones are drawn, as many as there are colours.
        first: name of the first method.
        second: of the second.

    Raises:
        UsageError: no duel whose spread between subjects is known.
    """
    from bench.stats.power import difference_shown

    drawn = [one for one in usable(found) if one.pair is not None and one.pair.spread > 0]
    drawn = drawn[:MOST_LINES]
    series = []
    heights = []
    for style, one in enumerate(drawn):
        pair = one.pair
        if pair is None:
            continue
        curve = [(float(n), difference_shown(pair.spread, n, seeds=pair.seeds)) for n in _SIZES]
        now = (float(pair.subjects), abs(pair.difference))
        heights += [height for _, height in [*curve, now] if height > 0]
        name = f"{one.first.task} ({one.first.budget})"
        note = (
            f"{name}: measured difference {pair.difference:+.2%} on "
            f"{counted(pair.subjects, 'subject')}"
        )
        series.append(Series(name, tuple(curve), style=style, note=note))
        series.append(Series("", (now,), "dots", style, note))
    metrics = sorted({title_of(one.first.metric) for one in drawn})
    return Chart(
        name=f"power-{first}-{second}",
        title=f"{first} against {second}: what so many subjects show",
        caption=f"The smallest true difference that a test of this pair alone shows with "
        f"{100 * POWER:g} % power at {100 * ALPHA:g} %. Dots: the measured difference at the "
        "number of subjects of the store; a dot below its curve is not enough.",
        x=log_axis("Subjects (logarithmic)", float(LEAST_SUBJECTS), float(MOST_SUBJECTS)),
        y=log_axis(
            f"Difference of {', '.join(metrics)}, points (log.)",
            min(heights, default=0.01),
            max(heights, default=1.0),
            scale=100,
        ),
        series=tuple(series),
    )
