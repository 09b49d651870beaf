"""What a job that is waited for says becomes events, what its detectors log too."""

from types import SimpleNamespace

import pytest

from bench.executors import Event
from bench.executors.cluster import batch
from bench.executors.cluster.batch import Batch
from bench.executors.cluster.reports import CellReport, read_report
from bench.executors.cluster.watching import Watched

CELL = SimpleNamespace(task="tiny/t1", key="k1", label="x on tiny/t1")


def watched(reports):
    submission = SimpleNamespace(folder=None, reports=lambda job: dict(reports))
    return Watched(SimpleNamespace(number=0), submission, {"tiny/t1 k1": CELL})


def test_values_and_the_headline_are_passed_on_once():
    reports = {}
    one, events = watched(reports), []
    for report in (
        CellReport("running", "fit", 1, 4),
        CellReport("running", "fit", 2, 4, step=2, values={"loss": 0.5}),
        CellReport("running", "fit", 3, 4, step=2, values={"loss": 0.5}),
        CellReport("ended", status="done", values={"ap": 0.25}),
    ):
        reports["tiny/t1 k1"] = report
        one.tell(events.append)
    assert [event.kind for event in events] == [
        "start", "progress", "progress", "values", "progress", "end",
    ]  # fmt: skip
    assert (events[3].step, events[3].values) == (2, {"loss": 0.5})
    assert events[-1].values == {"ap": 0.25}
    assert one.cells == {}


@pytest.fixture
def executor(monkeypatch):
    """Stands for the executor in a job; it gives these events."""

    def give(*events):
        class Executor:
            def __init__(self, context, jobs):
                pass

            def run(self, cells, on_event):
                for event in events:
                    on_event(event)

        monkeypatch.setattr(batch, "LocalExecutor", Executor)

    return give


def test_a_job_notes_what_is_logged_and_the_headline(executor, tmp_path):
    executor(
        Event("progress", CELL, "fit", 1, 4),
        Event("values", CELL, values={"loss": 0.5}, step=1),
        Event("end", CELL, status="done", values={"ap": 0.25}),
    )
    Batch((CELL,), SimpleNamespace(), tmp_path / "0.json")()
    (found,) = read_report(tmp_path / "0.json").values()
    assert (found.status, found.values) == ("done", {"ap": 0.25})
