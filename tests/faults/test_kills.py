"""Runs that are killed at random moments, for real, end with the bytes of an undisturbed one.

A moment is a call, counted: of the cell's progress, or of a rename or a sync of a file. It does not
depend on the machine. ``make nightly`` kills 200 times; BENCH_KILLS says how often.
"""

import json
import os
import random
import signal
from dataclasses import replace

import pytest

from bench.data.cache.folder import cache_dir
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.plan import done_head, make_plan
from bench.store.store import Store
from fakes import tiny

KILLS = int(os.environ.get("BENCH_KILLS", "10"))
COUNTED = ("rename", "replace", "fsync", "mkdir", "open")


def plan(data):
    """Two tasks that share a fit."""
    method = tiny.method("Brightness")
    asked = tiny.request(method, tasks=("t1", "t1-again"))
    cells = make_plan(asked, data_dir=data, cache=cache_dir()).cells
    return [replace(one, protocols=("image@1", "pixel-subject@2")) for one in cells]


def run(data, cells, step=lambda: None):
    store = Store(data / "runs")
    store.open_for_writing()
    store.sweep()
    context = RunContext(data / "runs", cache_dir(), device="cpu", keep="maps", command="test")
    for cell in cells:
        if not done_head(store, cell):
            run_cell(cell, context, lambda *told: step())


# A forked child need not import all again. Python 3.12 warns of it where the process has threads,
# here of pytest-xdist and torch: one may hold a lock that the child waits for. None needs theirs.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def in_a_child(work):
    """The exit status of a process that does the work."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitpid(pid, 0)[1]


def counting(at):
    """Kill this process at a call of the system that changes files, or at a step of a cell."""
    left = at

    def step():
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in COUNTED:
        true = getattr(os, name)

        def counted(*given, _true=true, **more):
            step()
            return _true(*given, **more)

        setattr(os, name, counted)
    step.left = lambda: left
    return step


def kept(data):
    """All that a store keeps, without what tells of time and processes."""
    found = {}
    for path in sorted((data / "runs").rglob("*")):
        name = path.relative_to(data / "runs").as_posix()
        if not path.is_file() or name.startswith(("_logs", "_locks")):
            continue
        content = path.read_bytes()
        if path.suffix == ".json":
            content = json.loads(content)
            for field in ("cost", "provenance", "seconds", "cpu_seconds", "fit.json"):
                if isinstance(content, dict):
                    content.pop(field, None)
        found[name] = content
    return found


def place(folder, whole):
    """A folder with the same data and an empty store, and its cells."""
    folder.mkdir()
    (folder / "tiny").symlink_to(whole / "tiny")
    return folder, plan(folder)


@pytest.fixture
def undisturbed(tmp_path):
    """A run without a kill: its folder, and how many moments it has.

    It is done in this process, so that those to be killed need not import all of it again.
    """
    whole, moments = tmp_path / "whole", tmp_path / "moments"
    tiny.make_volumes(whole)
    run(whole, plan(whole))
    counted, cells = place(tmp_path / "counted", whole)

    def count():
        step = counting(10**9)
        run(counted, cells, step)
        moments.write_text(str(10**9 - step.left()))

    assert in_a_child(count) == 0
    assert kept(counted) == kept(whole)
    return whole, int(moments.read_text())


def test_after_random_kills_the_store_holds_what_an_undisturbed_run_leaves(undisturbed, tmp_path):
    whole, moments = undisturbed
    expected, draw = kept(whole), random.Random(18)
    assert len([name for name in expected if name.startswith("tiny/")]) == 2
    killed, number = 0, 0
    while killed < KILLS:
        data, cells = place(tmp_path / f"killed-{number}", whole)
        while killed < KILLS:
            at = draw.randint(1, moments)

            def work(data=data, cells=cells, at=at):
                run(data, cells, counting(at))

            status = in_a_child(work)
            assert status in (0, signal.SIGKILL), status
            if status == 0:
                break
            killed += 1
            assert not Store(data / "runs").read_all()[1]  # at no moment a broken record
        assert in_a_child(lambda data=data, cells=cells: run(data, cells)) == 0
        assert kept(data) == expected
        number += 1
