"""Workers that die, hang and share fits; all real processes."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench.data.cache.folder import cache_dir
from bench.execution.context import RunContext
from bench.execution.memory import tree_bytes
from bench.executors.local import LocalExecutor, gpus, worker_context
from bench.executors.warming import warm_cache
from bench.planning.plan import cell_state, make_plan
from bench.store.store import Store
from fakes import tiny


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def place(data, **limits):
    return RunContext(
        data / "runs", cache_dir(), device="cpu", keep="maps", command="test", **limits
    )


def run(data, *methods, jobs=2, limits=None, **options):
    asked = tiny.request(*methods, **options)
    cells = make_plan(asked, data_dir=data, cache=cache_dir()).cells
    store = Store(data / "runs")
    store.open_for_writing()
    events = []
    LocalExecutor(place(data, **(limits or {})), jobs).run(cells, events.append)
    records = [store.read_record(c.task, c.fit.method.name, c.key) for c in cells]
    return cells, records, events


def test_a_cell_that_dies_takes_no_other_with_it(data):
    methods = [tiny.method(name) for name in ("Killed", "Exits", "Raises", "Brightness")]
    _, records, events = run(data, *methods)
    assert [one.status for one in records] == ["failed", "failed", "failed", "done"]
    assert [one.error_class for one in records] == ["killed", "killed", "method", None]
    assert "SIGKILL" in records[0].reason
    assert "exit code 7" in records[1].reason
    assert sum(one.kind == "end" for one in events) == 4
    assert not list((data / "runs" / "_locks").glob("*.lock"))


def test_events_carry_what_a_method_logs_and_the_headline_metric(data):
    cells, (record,), events = run(data, tiny.method("Logs"))
    (logged,) = [one for one in events if one.kind == "values"]
    assert (logged.values, logged.step) == ({"loss": 0.5, "red": 1.0}, 7)
    head = cells[0].headline
    value = record.protocols[head.protocol].metrics[head.metric]
    assert events[-1].values == {head.metric: value}


def test_two_jobs_with_one_fit_train_once(data, tmp_path):
    log = tmp_path / "log"
    method = tiny.method("Brightness", log=str(log))
    _, records, _ = run(data, method, tasks=("t1", "t1-again"), seeds=2)
    assert [one.status for one in records] == ["done"] * 4
    assert sorted(log.read_text().split("\n")) == ["", "fit 0", "fit 1"]


def test_jobs_change_no_number(data):
    method = tiny.method("Brightness")
    one = run(data, method, jobs=1, tasks=("t1", "both"))[1]
    (data / "runs").rename(data / "serial")
    two = run(data, method, jobs=2, tasks=("t1", "both"))[1]
    assert [r.protocols for r in one] == [r.protocols for r in two]


def test_a_cell_over_its_time_is_stopped_and_recorded(data):
    budget = tiny.BUDGET.model_copy(update={"timeout_minutes": 0.05})
    method = tiny.method("Slow", until=str(data / "never"))
    _, (record,), _ = run(data, method, budget=budget)
    assert (record.status, record.error_class) == ("failed", "timeout")
    assert "0.05 minutes" in record.reason


def test_a_users_time_limit_holds_where_it_is_shorter_than_the_budgets(data):
    method = tiny.method("Slow", until=str(data / "never"))
    _, (record,), _ = run(data, method, limits={"time_limit_minutes": 0.04})
    assert (record.status, record.error_class) == ("failed", "timeout")
    assert record.reason == "stopped after the 0.04 minutes of --time-limit"


def test_a_cell_whose_processes_hold_too_much_is_stopped_and_others_go_on(data):
    methods = tiny.method("Hungry", megabytes=900), tiny.method("Brightness")
    _, (hungry, other), _ = run(data, *methods, limits={"memory_limit_gb": 0.8})
    assert (hungry.status, hungry.error_class) == ("failed", "out_of_memory")
    assert "GB, more than --memory-limit 0.8" in hungry.reason
    assert other.status == "done"


def test_memory_counts_what_processes_below_hold():
    before = tree_bytes(os.getpid())
    program = "held = bytearray(b'x') * 80_000_000; print(1, flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as child:
        child.stdout.readline()
        assert 70e6 < tree_bytes(os.getpid()) - before < 120e6
        child.stdin.write(b"\n")
    assert tree_bytes(child.pid) == 0


def test_a_forced_cell_that_dies_is_not_called_done(data):
    method = tiny.method("Brightness", kill=str(data / "kill"))
    cells, (record,), _ = run(data, method)
    assert record.status == "done"
    (data / "kill").touch()
    forced = replace(place(data), fresh_after=time.time() + 1)
    events = []
    LocalExecutor(forced, 1).run(cells, events.append)
    assert events[-1].status == "failed"
    store = Store(data / "runs")
    assert store.read_record("tiny/t1", "brightness", cells[0].key).error_class == "killed"


@pytest.mark.parametrize(
    ("given", "names"), [("2,3", ["2", "3"]), ("", []), ("GPU-a1, GPU-b2", ["GPU-a1", "GPU-b2"])]
)
def test_only_the_gpus_that_were_given_are_used(monkeypatch, given, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert gpus() == names


def test_warming_prepares_what_cells_need_and_survives_damage(data):
    path = data / "tiny" / "p2" / "T1.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    asked = tiny.request(tiny.method("Brightness"))
    cells = make_plan(asked, data_dir=data, cache=data / "cache").cells
    told = []
    warm_cache(cells, data / "cache", 2, lambda *one: told.append(one))
    assert told[-1][:2] == (8, 8)
    assert len(list((data / "cache" / "prepared").iterdir())) == 7


KILL_ME = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from fakes import tiny
from bench.data.cache.folder import cache_dir
from bench.executors.local import LocalExecutor
from bench.execution.context import RunContext
from bench.execution.memory import tree_bytes
from bench.planning.plan import make_plan
from bench.store.store import Store
if __name__ == "__main__":
    data = Path({data!r})
    asked = tiny.request(
        tiny.method("Brightness"), tiny.method("Slow", until=str(data / "go")), seeds=2
    )
    cells = make_plan(asked, data_dir=data, cache=cache_dir()).cells
    Store(data / "runs").open_for_writing()
    place = RunContext(results=data / "runs", cache=cache_dir(), device="cpu", keep="maps",
                         command="test")
    LocalExecutor(place, 2).run(cells, lambda event: print(event.kind, event.phase, flush=True))
"""


def wait_for(condition, what):
    for _ in range(6000):  # patience for a busy machine
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"waited in vain for {what}")


def test_after_kill_9_workers_die_and_the_next_run_goes_on(data):
    script = data / "kill_me.py"
    script.write_text(KILL_ME.format(tests=str(Path(__file__).parents[1]), data=str(data)))
    asked = tiny.request(
        tiny.method("Brightness"), tiny.method("Slow", until=str(data / "go")), seeds=2
    )
    cells = make_plan(asked, data_dir=data, cache=cache_dir()).cells
    store = Store(data / "runs")
    process = subprocess.Popen([sys.executable, script])
    wait_for(
        lambda: [cell_state(store, c) for c in cells] == ["done", "done", "running", "running"],
        "two done and two running cells",
    )
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 3
    assert {os.getpgid(one.pid) for one in children} == {os.getpgid(process.pid)}
    stamps = {c.key: store.record_path(c.task, "brightness", c.key).stat() for c in cells[:2]}
    process.send_signal(signal.SIGKILL)
    process.wait()
    psutil.wait_procs(children, timeout=120)
    assert not [one for one in children if one.is_running() and one.status() != "zombie"]
    assert [cell_state(store, c) for c in cells[2:]] == ["interrupted"] * 2

    (data / "go").touch()
    store.sweep()
    assert not list((store.root / "_partial").iterdir())
    todo = [c for c in cells if cell_state(store, c) != "done"]
    LocalExecutor(place(data), 2).run(todo, lambda event: None)
    assert [cell_state(store, c) for c in cells] == ["done"] * 4
    for cell in cells[:2]:
        assert store.record_path(cell.task, "brightness", cell.key).stat() == stamps[cell.key]

    whole = {c.key: store.read_record(c.task, c.fit.method.name, c.key) for c in cells}
    (data / "runs").rename(data / "resumed")
    _, uninterrupted, _ = run(
        data, tiny.method("Brightness"), tiny.method("Slow", until=str(data / "go")), seeds=2
    )
    for record in uninterrupted:
        assert record.protocols == whole[record.key].protocols


def test_a_run_imports_nothing_of_what_only_its_workers_need():
    code = (
        "import sys\n"
        "from bench.execution.seeding import resolve_device\n"
        "import bench.executors.local, bench.executors.session, bench.executors.warming\n"
        "assert resolve_device('cpu') == 'cpu'\n"
        "found = {'torch', 'lightning_fabric', 'sklearn', 'scipy'} & {*sys.modules}\n"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _threads_and_modules(queue):
    served = "bench.execution.served" in sys.modules
    import torch

    from bench.execution import provenance

    known = provenance._owners.cache_info().currsize
    queue.put((os.environ.get("OMP_NUM_THREADS"), torch.cuda.is_initialized(), served, known))


def test_the_fork_server_only_imports():
    context = worker_context()
    if context.get_start_method() != "forkserver":
        pytest.skip("no fork server on this system: workers are spawned")
    queue = context.Queue()
    process = context.Process(target=_threads_and_modules, args=(queue,))
    process.start()
    server = psutil.Process(psutil.Process(process.pid).ppid())
    assert server.pid != os.getpid()
    assert server.num_threads() == 1
    assert queue.get(timeout=60)[1:] == (False, True, 1)
    process.join()
