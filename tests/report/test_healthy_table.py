"""The healthy side as a table and as pictures."""

from dataclasses import replace

import pytest

from bench.report import Report, render
from bench.report.figures.healthy_chart import healthy_charts
from bench.report.figures.paper import save_charts
from bench.report.tables.healthy import HealthyLine, healthy_table
from bench.store.records import HealthyVolume

LEVELS = (0.001, 0.01, 0.05)


def line(label, *, task="a/t1", train_on="a", rates=(0.01, 0.02, 0.03, 0.02, 0.02), ml=True):
    achieved = [(one / 10, one, 5 * one) for one in rates]
    volumes = [(one, 100 * one, 500 * one) for one in rates] if ml else []
    return HealthyLine(task, label, train_on, 6, LEVELS, achieved, volumes)


def test_means_extremes_and_volumes():
    table = healthy_table([line("ae"), line("few", rates=(0.04, 0.02), ml=False)], "healthy@1")
    first, second = table.rows
    assert [cell.value for cell in first[2:4]] == [6, 5]
    achieved, highest, volume = first[4:7]
    assert (achieved.value, highest.value, volume.value) == pytest.approx((0.02, 0.03, 2))
    assert achieved.low < 0.02 < achieved.high
    assert (second[4].low, second[6]) == (None, None)  # two subjects, and no volume


def test_a_volume_of_the_record_is_the_one_that_is_shown():
    kept = {"0.01": HealthyVolume(mean_ml=7.5, low_ml=6, high_ml=9, per_subject={"h": 7.5})}
    (row,) = healthy_table([replace(line("ae"), recorded=kept)], "healthy@1").rows
    assert (row[6].value, row[6].low, row[6].high) == (7.5, 6, 9)
    assert row[9].value == pytest.approx(10)  # at 5 % the record says nothing


def test_tasks_are_blocks():
    table = healthy_table([line("ae", task="b/t1", train_on="ixi"), line("ae")], "healthy@1")
    assert table.blocks == {0: "a/t1", 1: "b/t1"}
    report = Report((table,), ())
    assert r"\label{tab:healthy" in render(report, "latex")
    assert "a/t1" in render(report, "markdown")


def test_one_chart_per_task_and_source(tmp_path):
    lines = [line("ae"), line("pca"), line("ae", train_on="ixi", rates=(0.0, 0.0))]
    charts = healthy_charts(lines)
    assert [one.name for one in charts] == [
        "healthy-a-t1-trained-on-a",
        "healthy-a-t1-trained-on-ixi",
    ]
    curves = [one for one in charts[0].series if one.kind == "path"]
    assert [one.label for one in curves] == ["ae", "pca"]
    assert curves[0].points[1] == pytest.approx((0.01, 0.02))
    assert charts[1].series[1].points[0][1] == 1e-4  # nothing marked is drawn at the edge
    assert len(save_charts(charts, tmp_path)) == 4
