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


ODD_LOCKS = {
    "an empty object": "{}",
    "null": "null",
    "a list": "[1, 2]",
    "a number": "7",
    "a pid in words": '{"host": "HOST", "pid": "x", "started": 1.0}',
    "a pid without end": '{"host": "HOST", "pid": 123456789012345678901234567890, "started": 1.0}',
    "a negative pid": '{"host": "HOST", "pid": -1, "started": 1.0}',
    "a pid that is true": '{"host": "HOST", "pid": true, "started": 1.0}',
    "a start in words": '{"host": "HOST", "pid": 1, "started": "then"}',
    "a start that is NaN": '{"host": "HOST", "pid": 1, "started": NaN}',
    "a host that is none": '{"host": null, "pid": 1, "started": 1.0}',
    "5,000 digits": f'{{"host": "HOST", "pid": {"1" * 5000}, "started": 1.0}}',
    "2,000 brackets": "[" * 2000,
    "no text": b"\xff\xfe\x00",
    "nothing": "",
}


@pytest.mark.parametrize("content", ODD_LOCKS.values(), ids=ODD_LOCKS.keys())
def test_a_lock_with_odd_content_stops_nobody(tmp_path, content):
    path = tmp_path / "one.lock"
    if isinstance(content, str):
        content = content.replace("HOST", socket.gethostname()).encode()
    path.write_bytes(content)
    long_ago = time.time() - 2 * locks.HEARTBEAT_S
    os.utime(path, (long_ago, long_ago))
    assert not locks.holder_is_alive(path)
    with locks.hold(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    path.write_bytes(content)
    os.utime(path, (long_ago, long_ago))
    locks.remove_dead(path)
    assert not path.exists()


@pytest.mark.parametrize("name", ["one.lock", "guard"])
def test_a_folder_where_a_lock_should_be_is_moved_aside_with_its_content(tmp_path, name):
    odd = tmp_path / name
    odd.mkdir()
    (odd / "kept").write_text("not ours")
    with locks.hold(tmp_path / "one.lock"):
        assert (tmp_path / "one.lock").is_file()
    assert [one.read_text() for one in tmp_path.glob(f"{name}-*.odd/kept")] == ["not ours"]


def test_a_named_pipe_where_a_lock_should_be_does_not_block(tmp_path):
    path = tmp_path / "one.lock"
    os.mkfifo(path)
    with locks.hold(path):
        assert path.is_file()


def test_a_clock_that_is_wrong_by_years_keeps_no_lock_alive(tmp_path):
    path = tmp_path / "one.lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0}))
    os.utime(path, (2**32, 2**32))
    assert not locks.holder_is_alive(path)


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
