"""Whatever a method does to its process: one record, nothing left behind, and on."""

import os
import signal
import stat

import psutil
import pytest

from bench.data.cache.folder import cache_dir
from bench.execution import child_processes as supervision
from bench.execution.context import RunContext
from bench.executors.local import LocalExecutor, signal_name
from bench.planning.plan import make_plan
from bench.store.store import Store
from fakes import tiny

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="supervised on Linux only")


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def method(name, **config):
    return tiny.method(name, module="unruly", **config)


def run(data, *methods, jobs=2, budget=tiny.BUDGET):
    asked = tiny.request(*methods, budget=budget)
    cells = make_plan(asked, data_dir=data, cache=cache_dir()).cells
    store = Store(data / "runs")
    store.open_for_writing()
    place = RunContext(
        results=data / "runs", cache=cache_dir(), device="cpu", keep="maps", command="test"
    )
    events = []
    LocalExecutor(place, jobs).run(cells, events.append)
    assert sum(one.kind == "end" for one in events) == len(cells)
    return [store.read_record(c.task, c.fit.method.name, c.key) for c in cells]


def left(folder):
    """The processes that a method noted and that are still alive."""
    pids = [int(one) for one in (folder / "pids").read_text().split()]
    return [
        pid
        for pid in pids
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


def test_a_real_time_signal_ends_one_cell_and_not_the_run(data):
    first, second = run(data, method("RealTimeSignal"), tiny.method("Brightness"), jobs=1)
    assert (first.status, first.error_class) == ("failed", "killed")
    assert f"signal {signal.SIGRTMIN + 3}" in first.reason
    assert second.status == "done"
    assert signal_name(signal.SIGKILL) == "SIGKILL"
    assert signal_name(signal.SIGRTMIN) == "SIGRTMIN"


def test_an_error_without_words_and_one_of_a_megabyte_are_records(data):
    first, second = run(data, method("RaisesWordless"), method("RaisesMuch"))
    assert (first.status, first.error_class) == ("failed", "method")
    assert "Wordless" in first.reason
    assert (second.status, second.error_class) == ("failed", "method")
    assert second.reason.startswith("RuntimeError: red \ufffd xxx")
    assert len(second.reason) <= 2000


def test_a_worker_that_dies_while_its_child_holds_the_pipe_is_noticed_at_once(data):
    # The child sleeps for ten minutes: without the sentinel this test would last as long.
    (record,) = run(data, method("DiesWithChildren", folder=str(data)))
    assert (record.status, record.error_class) == ("failed", "killed")
    assert "SIGKILL" in record.reason
    assert left(data) == []


def test_a_method_may_use_loaders_and_pools(data):
    (record,) = run(data, method("UsesProcesses"))
    assert record.status == "done", record.reason


def test_what_a_cell_leaves_behind_is_ended_with_it(data):
    (record,) = run(data, method("LeavesProcesses", folder=str(data)))
    assert record.status == "done", record.reason
    assert len((data / "pids").read_text().split()) == 3
    assert left(data) == []


def test_what_an_overdue_cell_leaves_behind_is_ended_with_it(data):
    budget = tiny.BUDGET.model_copy(update={"timeout_minutes": 0.15})
    (record,) = run(data, method("LeavesProcesses", folder=str(data), slow=True), budget=budget)
    assert (record.status, record.error_class) == ("failed", "timeout")
    assert len((data / "pids").read_text().split()) == 3
    assert left(data) == []


def test_what_a_method_prints_is_in_the_log_within_a_bound(data, capfd):
    (record,) = run(data, method("PrintsMuch"))
    assert record.status == "done", record.reason
    log = Store(data / "runs").log_path(record.key).read_text()
    assert "first line\n" in log
    assert "bytes were printed here and not kept" in log
    assert "from below Python\nlast line\n" in log
    assert "the log is full" in log
    assert len(log) < 2 * supervision.OutputLog.HEAD + supervision.OutputLog.TAIL + 1000
    assert capfd.readouterr().out == ""


def test_umask_folder_environment_and_error_handling_of_a_method_stay_its_own(data):
    plain, record = run(data, tiny.method("Brightness"), method("ChangesItsProcess"))
    assert record.status == "done", record.reason
    assert record.protocols == plain.protocols
    store = Store(data / "runs")
    modes = [
        [stat.S_IMODE(path.stat().st_mode) for path in (
            store.record_path(one.task, one.method, one.key), store.fit_folder(one.fit_key),
            *sorted(store.prediction_folder(one.key).iterdir()))]
        for one in (plain, record)
    ]  # fmt: skip
    assert modes[0] == modes[1]


def test_bytes_that_are_no_message_end_the_cell(data):
    (record,) = run(data, method("WritesIntoTheChannel"))
    assert (record.status, record.error_class) == ("failed", "killed")
    assert "not a message" in record.reason
