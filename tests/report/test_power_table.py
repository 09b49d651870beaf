"""How many subjects a difference needs, as a table and as a curve."""

import pytest

from bench.errors import UsageError
from bench.report.figures.paper import save_chart
from bench.report.figures.power_chart import power_chart
from bench.report.tables.duels import duels
from bench.report.tables.power import power_table
from bench.stats.power import power_of
from fakes.report_samples import CARDS, record


def found(test=12, drawn=True, gap=0.02):
    records = [
        record("ae", 0.30, test=test, drawn=0 if drawn else None, spread=0.3),
        record("vae", 0.30 - gap, test=test, drawn=1 if drawn else None, spread=0.3),
        record("random", 0.1, test=test, drawn=2, spread=0.3),
    ]
    return duels(records, "ae", "vae", cards=CARDS)


def cells(made):
    (row,) = made.rows
    return dict(zip([one.title for one in made.columns], row, strict=True))


def test_the_number_needed_shows_the_difference_and_one_less_does_not():
    (duel,) = found()
    one = cells(power_table([duel], "ae", "vae"))
    needs = int(one["Needs"].text)
    spread = duel.pair.spread
    assert power_of(0.02, spread, needs) >= 0.8 > power_of(0.02, spread, needs - 1)
    assert int(one["In the table"].text) > needs  # three pairs are corrected for
    assert one["Subjects"].value == 12
    for title, n in (("10 show", 10), ("30 show", 30), ("100 show", 100)):
        assert power_of(one[title].value, spread, n) == pytest.approx(0.8)


def test_a_difference_of_nothing_needs_more_than_anybody_has():
    one = cells(power_table(found(gap=1e-6), "ae", "vae"))
    assert one["Needs"].text == "more than 1,000"


def test_what_cannot_be_known_is_said():
    with pytest.raises(UsageError, match="4 subjects are too few"):
        power_table(found(test=4), "ae", "vae")


def test_the_curve_falls_and_is_drawn(tmp_path):
    chart = power_chart(found(), "ae", "vae")
    curve, now = chart.series
    heights = [height for _, height in curve.points]
    assert heights == sorted(heights, reverse=True)
    assert now.points == ((12.0, pytest.approx(0.02)),)
    assert now.note.endswith("measured difference +2.00% on 12 subjects")
    for suffix in ("png", "pdf"):
        save_chart(chart, tmp_path / f"x.{suffix}")
        assert (tmp_path / f"x.{suffix}").stat().st_size > 1000
    with pytest.raises(UsageError, match=r"must end in \.png or \.pdf"):
        save_chart(chart, tmp_path / "x.gif")
