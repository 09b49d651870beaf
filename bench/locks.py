"""Locks on cells and fits, so that two runs on one store never do the same work at once.

A lock is a file with host, pid and process start time, touched every few seconds. Its holder is
dead when the pid is gone on this host, else when the last touch is older than five minutes.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

HEARTBEAT_S = 15.0
DEAD_AFTER_S = 300.0


def holder_is_alive(path: Path) -> bool:
    """Whether the lock at ``path`` is held by a living process."""
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    except ValueError:
        # Cut short while being written: its writer died, or is writing this very moment.
        return path.exists() and time.time() - path.stat().st_mtime < HEARTBEAT_S
    if holder["host"] != socket.gethostname():
        return age < DEAD_AFTER_S
    try:
        process = psutil.Process(holder["pid"])
        return bool(abs(process.create_time() - holder["started"]) < 1.0)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def hold(path: Path, *, poll_s: float = 0.5) -> Iterator[None]:
    """Hold the lock at ``path`` for the block; wait while a living process holds it.

    Args:
        path: the lock file; its folder must exist.
        poll_s: how often to look whether a held lock has become free.
    """
    while not _take(path):
        time.sleep(poll_s)
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        path.unlink(missing_ok=True)


def _take(path: Path) -> bool:
    """Make the lock file, if it is free or its holder is dead."""
    mine = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }
    # Without the guard two processes could both find a dead lock and both take it over.
    with (path.parent / "guard").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if holder_is_alive(path):
            return False
        path.write_text(json.dumps(mine), encoding="utf-8")
        return True


def _heartbeat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        try:
            os.utime(path)
        except FileNotFoundError:
            return  # the store was cleaned under us; the record will be refused or kept anyway
