"""Cells on a real local Ray; `make test-ray` runs this; `make test` does not."""

from __future__ import annotations

import threading
import time

import psutil
import pytest

from bench.data.cache.folder import cache_dir
from bench.errors import RunError
from bench.execution.context import RunContext
from bench.executors import Event
from bench.executors.local import LocalExecutor
from bench.planning.plan import make_plan
from bench.store.store import Store
from conftest import ROOT, skip_or_fail
from fakes import tiny

PATIENCE_S = 120.0
PROFILE = "cpus = 1\nmemory_gb = 0.5\npoll_seconds = 0.5\ncells_per_job = 1\n"

try:
    import ray

    from bench.executors.cluster.ray import RayExecutor
except ImportError:
    ray = None


@pytest.fixture
def data(tmp_path, monkeypatch):
    if ray is None:
        skip_or_fail("ray is not installed")
    tiny.make_volumes(tmp_path)
    (tmp_path / "lab.toml").write_text(PROFILE)
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    return tmp_path


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of a real Ray on loopback, each with one core."""
    if ray is None:
        skip_or_fail("ray is not installed")
    from ray.cluster_utils import Cluster

    one = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    one.add_node(num_cpus=1)
    one.wait_for_nodes()
    yield one
    one.shutdown()


def place(data, runs="runs", **options):
    profile = data / "lab.toml"
    return RunContext(data / runs, cache_dir(), "cpu", "maps", "test", profile=profile, **options)


def cells_of(data, *methods, **options):
    store = Store(data / "runs")
    store.open_for_writing()
    request = tiny.request(*methods, **options)
    return make_plan(request, data_dir=data, cache=cache_dir()).cells, store


def run(data, cells, cluster, **options):
    events: list[Event] = []
    RayExecutor(place(data, address=cluster.address, **options), None).run(cells, events.append)
    for cell in cells:
        kinds = [one.kind for one in events if one.cell is cell]
        assert (kinds.count("start"), kinds.count("end")) == (1, 1)
    return {event.cell.fit.method.name: event for event in events if event.kind == "end"}


def workers():
    return [
        one
        for one in psutil.process_iter(["cmdline"])
        if any("_run_batch" in word for word in one.info["cmdline"] or [])
    ]


def test_failing_cells_take_no_other_with_them_and_bytes_are_those_of_a_local_run(data, cluster):
    names = ("Raises", "Killed", "Brightness")
    cells, store = cells_of(data, *(tiny.method(name) for name in names))
    ended = run(data, cells, cluster)
    assert {name: one.status for name, one in ended.items()} == {
        "raises": "failed",
        "killed": "failed",
        "brightness": "done",
    }
    Store(data / "here").open_for_writing()
    LocalExecutor(place(data, "here"), 1).run(cells, lambda event: None)
    key = next(cell.key for cell in cells if cell.fit.method.name == "brightness")
    there = sorted((data / "runs/_predictions" / key).iterdir())
    assert there
    for path in there:
        assert path.read_bytes() == (data / "here/_predictions" / key / path.name).read_bytes()
    assert store.find_cell(key).protocols == Store(data / "here").find_cell(key).protocols


def test_a_worker_that_dies_is_run_again_without_what_had_ended(data, cluster):
    (data / "lab.toml").write_text(PROFILE.replace("cells_per_job = 1", "cells_per_job = 2"))
    log, go = data / "log", data / "go"
    cells, _ = cells_of(
        data,
        tiny.method("Brightness", log=str(log)),
        tiny.method("Slow", until=str(go), log=str(log)),
    )
    said: dict[str, Event] = {}
    thread = threading.Thread(target=lambda: said.update(run(data, cells, cluster)))
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not log.exists() or log.read_text().count("fit") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1.0)
    (one,) = workers()
    one.kill()
    go.touch()
    thread.join(PATIENCE_S)
    assert {name: one.status for name, one in said.items()} == {
        "brightness": "done",
        "slow": "done",
    }
    assert log.read_text() == "fit 0\nfit 0\n"


def test_an_address_where_nobody_answers(data):
    cells, _ = cells_of(data, tiny.method("Brightness"))
    with pytest.raises(RunError, match=r"no connection to Ray at 127\.0\.0\.1:1"):
        RayExecutor(place(data, address="127.0.0.1:1"), None).run(cells, lambda event: None)


def test_an_address_that_is_not_one(data):
    cells, _ = cells_of(data, tiny.method("Brightness"))
    with pytest.raises(RunError, match="'there' is not HOST:PORT"):
        RayExecutor(place(data, address="there"), None).run(cells, lambda event: None)


def test_without_a_queue_there_is_no_detach(data):
    with pytest.raises(RunError, match="--detach cannot work"):
        RayExecutor(place(data, detach=True), None)
