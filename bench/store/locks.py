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

from bench.errors import StoreError

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

    Raises:
        StoreError: the lock cannot be written.
    """
    try:
        while not _take(path):
            time.sleep(poll_s)
    except OSError as error:
        raise StoreError(f"the lock {path} cannot be written: {error.strerror or error}") from error
    stop = threading.Event()
    beat = threading.Thread(target=_heartbeat, args=(path, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        _release(path)


def remove_dead(path: Path) -> None:
    """Remove a lock whose holder died without a word."""
    with _guarded(path):
        if not holder_is_alive(path):
            path.unlink(missing_ok=True)


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Alone with the locks of a folder.

    Without this two processes could both find a dead lock and both take it over.
    """
    with (path.parent / "guard").open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _take(path: Path) -> bool:
    """Make the lock file, if it is free or its holder is dead."""
    with _guarded(path):
        if holder_is_alive(path):
            return False
        path.write_text(json.dumps(_myself()), encoding="utf-8")
        return True


def _release(path: Path) -> None:
    """Remove the lock, unless another process found it dead and took it over."""
    with _guarded(path):
        try:
            if json.loads(path.read_text(encoding="utf-8")) == _myself():
                path.unlink()
        except FileNotFoundError:
            return


def _myself() -> dict[str, object]:
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": psutil.Process().create_time(),
    }


def _heartbeat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        try:
            os.utime(path)
        except FileNotFoundError:
            return  # the store was cleaned under us; the record will be refused or kept anyway
