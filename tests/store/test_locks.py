import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time

import pytest

from bench.store import locks


def test_a_lock_is_held_and_then_free(tmp_path):
    path = tmp_path / "one.lock"
    with locks.hold(path):
        assert locks.holder_is_alive(path)
        holder = json.loads(path.read_text())
        assert holder["pid"] == os.getpid()
        assert holder["host"] == socket.gethostname()
    assert not path.exists()


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path):
    path = tmp_path / "one.lock"
    code = "import os, psutil; print(os.getpid(), psutil.Process().create_time())"
    pid, started = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    holder = {"host": socket.gethostname(), "pid": int(pid), "started": float(started)}
    path.write_text(json.dumps(holder))
    assert not locks.holder_is_alive(path)
    with locks.hold(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_reused_pid_is_another_process(tmp_path):
    path = tmp_path / "one.lock"
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "started": 12.0}
    path.write_text(json.dumps(holder))
    assert not locks.holder_is_alive(path)


@pytest.mark.parametrize(("age", "alive"), [(10, True), (301, False)])
def test_on_another_host_the_heartbeat_decides(tmp_path, age, alive):
    path = tmp_path / "one.lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0}))
    then = time.time() - age
    os.utime(path, (then, then))
    assert locks.holder_is_alive(path) is alive


def _count_inside(path, counter, worst):
    for _ in range(20):
        with locks.hold(path, poll_s=0.001):
            with counter.get_lock():
                counter.value += 1
                worst.value = max(worst.value, counter.value)
            with counter.get_lock():
                counter.value -= 1


def test_never_two_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    counter, worst = context.Value("i", 0), context.Value("i", 0)
    processes = [
        context.Process(target=_count_inside, args=(tmp_path / "one.lock", counter, worst))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert worst.value == 1
