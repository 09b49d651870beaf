"""A job of a queue and a run on this machine, at work on one store."""

import threading
import time

from bench.data.cache.folder import cache_dir
from bench.execution.context import RunContext
from bench.executors.cluster.batch import Batch
from bench.executors.cluster.reports import name_of, read_report
from bench.executors.local import LocalExecutor
from bench.planning.plan import cell_state, make_plan
from bench.store.store import Store
from fakes import tiny

PATIENCE_S = 120.0


def test_a_cell_that_a_job_runs_is_waited_for_and_not_run_twice(tmp_path):
    tiny.make_volumes(tmp_path)
    log, go = tmp_path / "log", tmp_path / "go"
    asked = tiny.request(tiny.method("Slow", until=str(go), log=str(log)))
    (cell,) = make_plan(asked, data_dir=tmp_path, cache=cache_dir()).cells
    store = Store(tmp_path / "runs")
    store.open_for_writing()
    place = RunContext(store.root, cache_dir(), "cpu", "maps", "test")
    said = []

    job = threading.Thread(target=Batch((cell,), place, tmp_path / "report.json"))
    job.start()
    deadline = time.monotonic() + PATIENCE_S
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert cell_state(store, cell) == "running"
    here = threading.Thread(target=LocalExecutor(place, 1).run, args=((cell,), said.append))
    here.start()
    go.touch()
    for one in (job, here):
        one.join(PATIENCE_S)
        assert not one.is_alive()

    assert log.read_text() == "fit 0\n"
    assert [event.status for event in said if event.kind == "end"] == ["done"]
    assert read_report(tmp_path / "report.json")[name_of(cell)].status == "done"
    assert cell_state(store, cell) == "done"
