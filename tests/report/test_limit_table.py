"""The detection limit as a table and a picture."""

import numpy as np
import pytest

from bench.report import Report, render
from bench.report.figures.limit_chart import limit_chart
from bench.report.figures.paper import save_chart
from bench.report.tables.limit import limit_table
from bench.stats.detection import Fitted, Limit


def fitted(*limits, found=10):
    shares = {(size, one.contrast): 0.5 for size in (4.0, 19.0) for one in limits}
    return Fitted(6, 100, found, shares, limits, (0.0, 1.0, 1.0))


FITS = {
    "blind": fitted(Limit(0.1, np.inf, np.inf, np.inf), Limit(0.8, 21.0, 15.2, np.inf), found=0),
    "good": fitted(Limit(0.1, 12.25, 9.96, 30.0), Limit(0.8, 3.0, 2.0, 5.04), found=77),
    "few": fitted(Limit(0.1, 18.0, None, None), Limit(0.8, 9.0, None, None), found=20),
}


def test_sizes_beyond_those_put_in_are_no_numbers():
    table = limit_table("T", "t", FITS)
    lines = {row[0].text: [cell.text for cell in row[2:]] for row in table.rows}
    assert lines == {
        "good": ["12.2 [10.0, above 19]", "below 4 [below 4, 5.0]"],
        "few": ["18.0", "9.0"],
        "blind": ["above 19 [above 19, above 19]", "above 19 [15.2, above 19]"],
    }
    assert [row[0].text for row in table.rows] == ["good", "few", "blind"]
    assert table.rows[0][1].value == pytest.approx(0.77)
    assert "100 lesions of 4 to 19 mm in 6 normal volumes" in table.caption


def test_both_formats_have_it():
    report = Report((limit_table("T", "t", FITS),), ())
    assert "| good" in render(report, "markdown")
    assert r"\label{tab:t" in render(report, "latex")


def test_the_chart_has_a_curve_per_method_and_ends_at_the_sizes_tried(tmp_path):
    chart = limit_chart("T", "t", FITS)
    curves = [one for one in chart.series if one.kind == "path"]
    assert [one.label for one in curves] == ["blind", "good", "few"]
    assert [point[1] for point in curves[0].points] == [21.0]  # infinite at the lower contrast
    assert curves[1].points[0][1] == 12.25
    assert sum(one.kind == "line" for one in chart.series) == 4  # "few" has no interval
    assert [label for _, label in chart.y.ticks] == ["4", "19"]
    nothing = fitted(Limit(0.1, np.inf, None, None), Limit(0.8, np.inf, None, None))
    (alone,) = limit_chart("T", "t", {"nothing": nothing}).series
    assert alone.points == ((0.8, 19 * 1.5),)  # at the upper edge, so that it has a name
    save_chart(chart, tmp_path / "limit.png")
    assert (tmp_path / "limit.png").stat().st_size > 1000
