"""The multiverse as pictures: how far each pair agrees, and what the order hangs on."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import agreed, counted
from bench.report.figures.chart import Axis, Chart, Series, names_axis, percent, percent_axis
from bench.report.tables.multiverse import Standing, Told

MOST_PAIRS = 24
"""More pairs in one picture could not be read; those that turn most are drawn."""


def multiverse_charts(told: Sequence[Told]) -> list[Chart]:
    """One chart of the choices over all tasks, then one of the pairs per task and level."""
    return [_choice_chart(told), *map(_pair_chart, told)] if told else []


def _choice_chart(told: Sequence[Told]) -> Chart:
    names = list(dict.fromkeys(name for one in told for name in one.alone))
    highest = max((one.alone[name] for one in told for name in one.alone), default=0.0)
    top = max(0.1, -(-highest // 0.1) * 0.1)
    steps = 5 if top <= 0.5 else 10
    ticks = tuple(
        (at * steps / 100, f"{at * steps}") for at in range(round(100 * top) // steps + 1)
    )
    return Chart(
        name="multiverse-choices",
        title="What turns the order of two methods",
        caption="Of all pairs of methods and pairs of universes that differ in this choice alone, "
        "the share with opposite orders; one line per task and level.",
        x=names_axis(names),
        y=Axis("Orders turned, %", 0.0, top, ticks),
        series=tuple(
            Series(
                one.name,
                tuple(
                    (float(names.index(name)), share)
                    for name, share in sorted(
                        one.alone.items(), key=lambda item: names.index(item[0])
                    )
                ),
                kind="path",
                style=style,
                note="; ".join(f"{name}: {percent(share, 1)}" for name, share in one.alone.items()),
            )
            for style, one in enumerate(told)
        ),
    )


def _pair_chart(one: Told) -> Chart:
    pairs = sorted(one.standings, key=lambda pair: -min(pair.ahead, pair.behind))
    drawn, universes = pairs[:MOST_PAIRS], len(one.verse.places)
    # Room is short, and the table says which methods are trivial.
    short = {line: name.replace(" (trivial)", "") for line, name in one.label.items()}
    names = [f"{short[pair.first]} : {short[pair.second]}" for pair in drawn]
    series = []
    for at, pair in enumerate(drawn):
        series += _pair_series(pair, names[at], float(at), universes)
    more = len(pairs) - len(drawn)
    return Chart(
        name=f"{one.verse.task.replace('/', '-')}-{one.verse.level}-multiverse",
        title=f"{one.name}: how far {universes} universes agree",
        caption="Dot: in how many universes the first is ahead, equal ones half. Blue from the "
        "left: where the first is shown to be better; orange from the right: where the second is. "
        "A line with both colours is a pair that can be shown either way."
        + (
            f" {counted(more, 'pair')} turning less {agreed(more, 'are')} in the table."
            if more > 0
            else ""
        ),
        x=percent_axis("First ahead, % of universes"),
        y=names_axis(names),
        series=tuple(series),
        ordered=True,
    )


def _pair_series(pair: Standing, name: str, at: float, universes: int) -> list[Series]:
    equal = universes - pair.ahead - pair.behind
    ahead, behind = pair.shown_ahead / universes, pair.shown_behind / universes
    note = (
        f"{name}: ahead in {pair.ahead}, behind in {pair.behind} of {universes} universes; shown "
        f"in {pair.shown_ahead} and {pair.shown_behind}"
    )
    found = [Series("", ((0.0, at), (1.0, at)), "chance", note=note)]
    if ahead:
        found.append(Series("", ((0.0, at), (ahead, at)), style=0, note=note))
    if behind:
        found.append(Series("", ((1.0 - behind, at), (1.0, at)), style=1, note=note))
    centre = (pair.ahead + equal / 2) / universes
    return [*found, Series("", ((centre, at),), "dots", 6, note)]
