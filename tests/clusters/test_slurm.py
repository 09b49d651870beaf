"""Cells on a real Slurm of one node. `make test-slurm` runs this; `make test` does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import single_node

from bench.data.cache.folder import cache_dir
from bench.execution.context import RunContext
from bench.executors import Event
from bench.executors.cluster import overview, squeue
from bench.executors.cluster.queue import Queue
from bench.executors.cluster.slurm import SlurmExecutor
from bench.executors.local import LocalExecutor
from bench.planning.plan import cell_state, make_plan
from bench.store.store import Store
from conftest import ROOT, skip_or_fail
from fakes import tiny

PATIENCE_S = 300.0  # a guard only: a cell starts in 3 s, and in 30 s on a busy machine
MOST_JOBS = 4  # of an array, so that a test can ask for more
PROFILE = "cpus = 1\nmemory_gb = 1\npoll_seconds = 0.5\ntime_minutes = 5\ncells_per_job = 1\n"


@pytest.fixture(scope="module")
def node():
    lacking = single_node.missing_programs()
    if lacking:
        skip_or_fail(f"not installed: {', '.join(lacking)}")
    folder = Path(tempfile.mkdtemp(prefix="sl-", dir="/tmp"))  # a socket's path must be short
    with single_node.running(folder, most_jobs=MOST_JOBS) as one:
        yield one
    shutil.rmtree(folder)


@pytest.fixture
def data(node, tmp_path, monkeypatch):
    tiny.make_volumes(tmp_path)
    (tmp_path / "lab.toml").write_text(PROFILE)
    monkeypatch.setenv("SLURM_CONF", node.environment["SLURM_CONF"])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    yield tmp_path
    node.ask("scancel", "--user", "root")
    wait_until(lambda: not node.ask("squeue", "-h"))


def wait_until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)


def place(data, *, runs="runs", detach=False):
    profile = data / "lab.toml"
    return RunContext(
        data / runs, cache_dir(), "cpu", "maps", "test", profile=profile, detach=detach
    )


def cells_of(data, *methods, **options):
    store = Store(data / "runs")
    store.open_for_writing()
    return make_plan(
        tiny.request(*methods, **options), data_dir=data, cache=cache_dir()
    ).cells, store


def run(data, cells, **options):
    events: list[Event] = []
    SlurmExecutor(place(data, **options), None).run(cells, events.append)
    return {event.cell.fit.method.name: event for event in events if event.kind == "end"}


def in_background(data, cells):
    """A run in a thread; returns it with what it will have said."""
    said: dict[str, Event] = {}
    thread = threading.Thread(target=lambda: said.update(run(data, cells)))
    thread.start()
    return thread, said


def finished(thread, node=None, job=None):
    """Wait for a run; a job that Slurm put back need not wait for its two minutes."""
    deadline = time.monotonic() + PATIENCE_S
    while thread.is_alive():
        assert time.monotonic() < deadline, "the run did not end"
        if job and node.ask("squeue", "-h", "--states=PENDING", "--jobs", job):
            node.ask("scontrol", "update", f"JobId={job}", "StartTime=now")
        thread.join(1.0)


def states(store):
    return {one.cell.label.split()[0]: one.state for one in overview.look(store).cells}


def worker_of_slow():
    """The processes of this user that run a cell of a job (not this test's own)."""
    mine = {one.pid for one in psutil.Process().children(recursive=True)}
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if "submitit.core._submit" in (one.info["cmdline"] or []) and one.pid not in mine
    ]


def test_an_array_with_failing_cells_gives_the_bytes_of_a_local_run(data):
    names = ("Raises", "Killed", "Brightness", "Refuses")
    cells, store = cells_of(data, *(tiny.method(name) for name in names))
    ended = run(data, cells)
    assert {name: event.status for name, event in ended.items()} == {
        "raises": "failed", "killed": "failed", "brightness": "done", "refuses": "skipped",
    }  # fmt: skip
    assert "the loss is a teapot" in ended["raises"].reason
    assert states(store) == {name: event.status for name, event in ended.items()}
    assert overview.collect(store, overview.look(store)) == 1
    assert overview.look(store).cells == ()

    Store(data / "here").open_for_writing()
    LocalExecutor(place(data, runs="here"), 1).run(cells, lambda event: None)
    key = next(cell.key for cell in cells if cell.fit.method.name == "brightness")
    there = sorted((data / "runs/_predictions" / key).iterdir())
    assert there
    for path in there:
        assert path.read_bytes() == (data / "here/_predictions" / key / path.name).read_bytes()
    here = Store(data / "here").find_cell(key)
    assert store.find_cell(key).protocols == here.protocols


def test_what_is_queued_is_not_handed_in_again(data, node):
    log, go = data / "log", data / "go"
    method = tiny.method("Slow", until=str(go), log=str(log))
    cells, store = cells_of(data, method)
    assert run(data, cells, detach=True)["slow"].status == "queued"
    assert run(data, cells, detach=True)["slow"].status == "queued"
    thread, said = in_background(data, cells)
    wait_until(lambda: states(store) == {"slow": "running"})
    assert len(node.ask("squeue", "-h").splitlines()) == 1
    go.touch()
    finished(thread)
    assert said["slow"].status == "done"
    assert log.read_text() == "fit 0\n"


def test_a_run_on_this_machine_waits_for_a_cell_that_a_job_runs(data):
    log, go = data / "log", data / "go"
    cells, store = cells_of(data, tiny.method("Slow", until=str(go), log=str(log)))
    run(data, cells, detach=True)
    wait_until(log.exists)
    assert cell_state(store, cells[0]) == "running"
    said: list[Event] = []
    local = LocalExecutor(place(data), 1)
    here = threading.Thread(target=local.run, args=(cells, said.append))
    here.start()
    go.touch()
    finished(here)
    assert [one.status for one in said if one.kind == "end"] == ["done"]
    wait_until(lambda: states(store) == {"slow": "done"})
    assert log.read_text() == "fit 0\n"


def test_fits_that_cells_share_are_trained_once(data):
    (data / "lab.toml").write_text(PROFILE.replace("cells_per_job = 1", "cells_per_job = 2"))
    log = data / "log"
    method = tiny.method("Brightness", log=str(log))
    cells, store = cells_of(data, method, tasks=("t1", "t1-again"), seeds=2)
    run(data, cells)
    assert sorted(log.read_text().split()) == ["0", "1", "fit", "fit"]
    (submission,) = Queue(store).submissions()[0]
    assert [len(job.cells) for job in submission.jobs] == [2, 2]


def test_a_cancelled_cell_has_no_record_and_runs_again(data):
    go = data / "go"
    cells, store = cells_of(data, tiny.method("Slow", until=str(go)))
    run(data, cells, detach=True)
    wait_until(lambda: states(store) == {"slow": "running"})
    (ended,) = overview.cancel(store, [cells[0].key[:6]])
    assert ended.cell.key == cells[0].key
    wait_until(lambda: states(store) == {"slow": "lost"})
    assert "ended as CANCELLED" in overview.look(store).cells[0].reason
    go.touch()
    assert run(data, cells)["slow"].status == "done"
    assert states(store) == {"slow": "done"}
    assert overview.collect(store, overview.look(store)) == 2


def test_a_job_that_is_cancelled_while_it_is_waited_for_is_recorded(data, node):
    cells, store = cells_of(data, tiny.method("Slow", until=str(data / "never")))
    thread, said = in_background(data, cells)
    wait_until(lambda: states(store) == {"slow": "running"})
    squeue.cancel([overview.look(store).cells[0].job])
    finished(thread)
    assert said["slow"].status == "failed"
    assert "ended as CANCELLED; log: " in said["slow"].reason
    record = store.find_cell(cells[0].key)
    assert (record.status, record.error_class) == ("failed", "killed")


def test_a_job_that_is_put_back_leaves_out_what_has_ended(data, node):
    (data / "lab.toml").write_text(PROFILE.replace("cells_per_job = 1", "cells_per_job = 2"))
    log, go = data / "log", data / "go"
    cells, store = cells_of(
        data,
        tiny.method("Brightness", log=str(log)),
        tiny.method("Slow", until=str(go), log=str(log)),
    )
    thread, said = in_background(data, cells)
    wait_until(lambda: states(store).get("slow") == "running")
    job = overview.look(store).cells[0].job
    before = worker_of_slow()
    node.ask("scontrol", "requeue", job)
    wait_until(lambda: not any(one.is_running() for one in before))
    go.touch()
    finished(thread, node, job)
    assert {name: one.status for name, one in said.items()} == {
        "brightness": "done",
        "slow": "done",
    }
    # Both were fitted once: the slow one was interrupted in `predict`, and its fit was kept.
    assert log.read_text() == "fit 0\nfit 0\n"


def test_a_controller_that_is_lost_and_comes_back(data, node):
    go = data / "go"
    cells, store = cells_of(data, tiny.method("Slow", until=str(go)))
    thread, said = in_background(data, cells)
    wait_until(lambda: states(store) == {"slow": "running"})
    (cell,) = overview.look(store).cells
    wait_until(lambda: node.has_saved(cell.job))
    node.kill("slurmctld")
    found = overview.look(store)
    assert found.no_answer
    assert found.cells[0].state == "unknown"
    go.touch()  # the cell ends while nobody can be asked
    finished(thread)
    assert said["slow"].status == "done"
    node.start_controller()
    wait_until(lambda: "idle" in node.ask("sinfo", "-h", "-o", "%T"))


def test_a_node_that_dies_in_mid_cell(data, node):
    go = data / "go"
    cells, store = cells_of(data, tiny.method("Slow", until=str(go)))
    thread, said = in_background(data, cells)
    wait_until(lambda: states(store) == {"slow": "running"})
    node.kill("slurmd")
    for one in worker_of_slow():
        for child in [*one.children(recursive=True), one]:
            child.kill()
    for one in psutil.process_iter(["name"]):
        if one.info["name"].startswith("slurmstepd"):
            one.kill()
    go.touch()
    (cell,) = overview.look(store).cells
    # Only when Slurm itself has given the node up is it clear what becomes of the job: one that
    # comes back sooner may be taken to be starting the job still, for minutes.
    wait_until(lambda: "down" in node.ask("sinfo", "-h", "-o", "%T"))
    node.start_node()  # it comes back, empty: Slurm puts the job back, or gives it up
    finished(thread, node, cell.job)
    if said["slow"].status == "failed":
        assert "Slurm job" in said["slow"].reason
        assert run(data, cells)["slow"].status == "done"


def test_an_array_that_is_too_large_is_handed_in_in_smaller_ones(data):
    methods = [tiny.method("Brightness", name=f"b{number}") for number in range(MOST_JOBS + 1)]
    cells, store = cells_of(data, *methods)
    ended = run(data, cells)
    assert [event.status for event in ended.values()] == ["done"] * len(cells)
    submissions, _ = Queue(store).submissions()
    assert sorted(len(one.jobs) for one in submissions) == [1, 2, 2]


@pytest.fixture
def small(monkeypatch):
    """Another Slurm, which keeps two jobs and a free place."""
    folder = Path(tempfile.mkdtemp(prefix="sf-", dir="/tmp"))
    with single_node.running(folder, most_queued=3, forget_s=2) as one:
        monkeypatch.setenv("SLURM_CONF", one.environment["SLURM_CONF"])
        yield one
    shutil.rmtree(folder)


def test_a_full_queue_is_waited_for_and_nothing_is_lost(data, small):
    log = data / "log"
    methods = [tiny.method("Brightness", name=f"b{one}", log=str(log)) for one in range(3)]
    cells, store = cells_of(data, *methods)
    left = run(data, cells, detach=True)
    assert sorted(event.status for event in left.values()) == ["queued", "queued", "unrecorded"]
    reasons = {event.reason for event in left.values() if event.status == "unrecorded"}
    assert reasons == {"the queue takes no more jobs now; give the same command again later"}
    assert squeue.room() == 0
    ended = run(data, cells)  # waits until the first two are forgotten
    assert [event.status for event in ended.values()] == ["done"] * 3
    submissions, _ = Queue(store).submissions()
    handed_in = [cell.key for one in submissions for job in one.jobs for cell in job.cells]
    assert sorted(handed_in) == sorted(cell.key for cell in cells)
    assert log.read_text() == "fit 0\n" * 3


def test_a_job_that_meets_its_time_limit_goes_back_into_the_queue(data, node):
    """Slurm's shortest limit is a minute; it tells the job 50 seconds before."""
    short = "time_minutes = 1\nsignal_seconds = 50"
    (data / "lab.toml").write_text(PROFILE.replace("time_minutes = 5", short))
    log, go = data / "log", data / "go"
    cells, store = cells_of(data, tiny.method("Slow", until=str(go), log=str(log)))
    thread, said = in_background(data, cells)
    wait_until(lambda: states(store) == {"slow": "running"})
    before = worker_of_slow()
    wait_until(lambda: not any(one.is_running() for one in before))
    assert store.read_all() == ([], []), "an interrupted cell has not failed"
    go.touch()
    job = overview.look(store).cells[0].job
    # A busy machine does not end a cell in the ten seconds that are left until the next signal.
    node.ask("scontrol", "update", f"JobId={job}", "TimeLimit=30")
    finished(thread, node, job)
    assert said["slow"].status == "done"
    assert log.read_text() == "fit 0\n"


def test_a_job_of_its_own_prepares_the_data(data):
    (data / "lab.toml").write_text(PROFILE + 'prepare = "job"\n')
    cells, store = cells_of(data, tiny.method("Brightness"))
    executor = SlurmExecutor(place(data), None)
    assert executor.prepares
    ended = []
    executor.run(cells, lambda event: ended.append(event.status) if event.kind == "end" else None)
    assert ended == ["done"]
    scripts = [one.read_text() for one in (data / "runs/_queue").glob("*/jobs/*_submission.sh")]
    assert sorted("--job-name=bench-prepare" in one for one in scripts) == [False, True]
    assert sorted("--dependency=afterany:" in one for one in scripts) == [False, True]
    assert overview.collect(store, overview.look(store)) == 2


def test_the_commands(data):
    bench = [sys.executable, "-m", "bench"]

    def call(*words):
        done = subprocess.run([*bench, *words], cwd=data, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    tiny.write_card(data)
    run_words = ["run", "--method", "gaussian", "--task", "tiny/t1", "--budget", "smoke",
                 "--no-yardsticks", "--data-dir", "."]  # fmt: skip
    code, said = call(*run_words, "--executor", "slurm", "--profile", "lab.toml", "--detach")
    assert code == 0, said
    assert said.rstrip().endswith("1 cell is in the queue\nnext: bench status")
    code, said = call("status", "--watch")
    assert code == 0, said
    assert said.rstrip().endswith("1 done")
    code, said = call("collect")
    assert (code, "1 submission is over" in said) == (0, True)
    code, said = call("report")
    assert code == 0
    assert "gaussian" in said
    assert "nothing was handed to a queue" in call("status")[1]
