"""What a job says of its cells, and what is made of damaged files."""

import json

import pytest

from bench.executors.cluster.reports import CellReport, JobReport, read_report


def test_what_is_noted_is_read_back(tmp_path):
    path = tmp_path / "0.json"
    report = JobReport(path)
    report.note("tiny/t1 k1", CellReport("running", "fit", 1, 4))
    report.note("tiny/t1 k1", CellReport("ended", status="failed", reason="a teapot"))
    assert read_report(path) == {
        "tiny/t1 k1": CellReport("ended", status="failed", reason="a teapot")
    }


def test_a_second_try_knows_what_the_first_ended(tmp_path):
    path = tmp_path / "0.json"
    first = JobReport(path)
    first.note("a", CellReport("ended", status="done"))
    first.note("b", CellReport("ended", status="unrecorded"))
    first.note("c", CellReport("running", "fit", 1, 4))
    second = JobReport(path)
    assert [second.ended(name) for name in "abc"] == [True, False, False]
    second.note("c", CellReport("running", "fit", 0, 4))
    assert set(read_report(path)) == {"a", "b", "c"}


def test_time_left_follows_the_rate_of_the_phase():
    report = CellReport("running", "fit", done=30, total=120, since=1000.0)
    assert report.seconds_left(now=1060.0) == 180.0
    assert CellReport("running", "fit", done=0, total=120).seconds_left(1.0) is None
    assert CellReport("ended", done=1, total=2).seconds_left(1.0) is None


def test_a_phase_keeps_the_time_of_its_begin(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("bench.executors.cluster.reports.time.time", lambda: now[0])
    monkeypatch.setattr("bench.executors.cluster.reports.WRITE_EVERY_S", -1.0)
    report = JobReport(tmp_path / "0.json")
    report.note("a", CellReport("running", "fit", 1, 4))
    now[0] = 130.0
    report.note("a", CellReport("running", "fit", 2, 4))
    assert read_report(tmp_path / "0.json")["a"].since == 100.0
    report.note("a", CellReport("running", "predict", 0, 4))
    assert read_report(tmp_path / "0.json")["a"].since == 130.0


def test_what_a_detector_logs_stays_beside_what_it_does(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.executors.cluster.reports.WRITE_EVERY_S", -1.0)
    report = JobReport(tmp_path / "0.json")
    report.note("a", CellReport("running", "fit", 1, 4))
    report.note_values("a", 1, {"loss": 0.5})
    report.note("a", CellReport("running", "fit", 2, 4))
    found = read_report(tmp_path / "0.json")["a"]
    assert (found.done, found.step, found.values) == (2, 1, {"loss": 0.5})
    report.note("a", CellReport("ended", status="done", values={"ap": 0.25}))
    report.note_values("a", 9, {"loss": 0.1})  # an event that comes late changes no end
    assert read_report(tmp_path / "0.json")["a"].values == {"ap": 0.25}


def test_values_that_are_no_numbers_are_left_out(tmp_path):
    path = tmp_path / "0.json"
    values = {"loss": 0.5, "much": 10**400, "flag": True, "nan": float("nan"), "words": "x"}
    cell = {"state": "running", "step": 7, "values": values}
    path.write_text(json.dumps({"cells": {"a": cell}}))
    assert read_report(path)["a"] == CellReport("running", step=7, values={"loss": 0.5})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cells": 3}',
        '{"cells": {"a": null}}',
        '{"cells": {"a": {"state": "flying"}}}',
        '{"cells": {"a": {"state": "running", "done": "many"}}}',
        '{"cells": {"a": {"state": "running", "done": true}}}',
        '{"cells": {"a": {"state": "running", "since": NaN}}}',
        '{"cells": {"a": {"state": "running", "since": 1' + "0" * 400 + "}}}",
        "[" * 100_000,
    ],
)
def test_a_damaged_file_says_nothing(tmp_path, content):
    path = tmp_path / "0.json"
    path.write_text(content)
    assert read_report(path) == {}


def test_long_words_of_a_job_are_cut(tmp_path):
    path = tmp_path / "0.json"
    path.write_text(json.dumps({"cells": {"a": {"state": "ended", "reason": "x" * 10_000}}}))
    assert len(read_report(path)["a"].reason) == 500
