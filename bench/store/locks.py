"""Locks on cells and fits, so that two runs on one store never do the same work at once.

A lock is a file with host, pid and process start time, touched every few seconds. Its holder is
dead when the pid is gone on this host, else when the last touch is older than five minutes. A
file that holds something else has no holder: it is moved aside.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, TypeGuard

import psutil

from bench.errors import StoreError

HEARTBEAT_S = 15.0
DEAD_AFTER_S = 300.0
_MOST_BYTES = 10_000
_LARGEST_PID = 2**31 - 1


class Holder(TypedDict):
    """What a lock file holds."""

    host: str
    pid: int
    started: float


def holder_is_alive(path: Path) -> bool:
    """Whether the lock at ``path`` is held by a living process."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    # The clock of a shared disk may differ a little from ours, in both directions.
    age = abs(time.time() - found.st_mtime)
    try:
        holder = _read(path)
    except PermissionError:  # of another user, who may be at work
        return age < DEAD_AFTER_S
    if holder is None:
        # Cut short while being written: its writer died, or is writing this very moment.
        return path.is_file() and age < HEARTBEAT_S
    if holder["host"] != socket.gethostname():
        return age < DEAD_AFTER_S
    try:
        process = psutil.Process(holder["pid"])
        return bool(abs(process.create_time() - holder["started"]) < 1.0)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # a process of that number runs, but we may not look at it
        return age < DEAD_AFTER_S


def _read(path: Path) -> Holder | None:
    """Who holds a lock; None where the file does not say it."""
    if not path.is_file():  # a folder, or a named pipe that nobody would ever write into
        return None
    try:
        with path.open("rb") as handle:
            content = json.loads(handle.read(_MOST_BYTES))
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    host, pid, started = (content.get(name) for name in ("host", "pid", "started"))
    if not isinstance(host, str) or not _is_number(pid) or not _is_number(started):
        return None
    if not isinstance(pid, int) or not 0 < pid <= _LARGEST_PID:
        return None
    return {"host": host, "pid": pid, "started": float(started)}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


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
    """Remove a lock whose holder died without a word.

    Raises:
        StoreError: it cannot be removed.
    """
    try:
        with _guarded(path):
            if not holder_is_alive(path):
                _clear(path)
    except OSError as error:
        raise StoreError(f"the lock {path} cannot be removed: {error.strerror or error}") from error


def _clear(path: Path) -> None:
    """Remove a lock file; a folder in its place was not made by bench and is only moved aside."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}-{uuid.uuid4().hex}.odd"))
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Alone with the locks of a folder.

    Without this two processes could both find a dead lock and both take it over.
    """
    file = path.parent / "guard"
    if file.is_dir():
        _clear(file)
    with file.open("a") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _take(path: Path) -> bool:
    """Make the lock file, if it is free or its holder is dead."""
    with _guarded(path):
        if holder_is_alive(path):
            return False
        _clear(path)
        path.write_text(json.dumps(_myself()), encoding="utf-8")
        return True


def _release(path: Path) -> None:
    """Remove the lock, unless another process found it dead and took it over."""
    try:
        with _guarded(path):
            if _read(path) == _myself():
                path.unlink(missing_ok=True)
    except OSError:
        return  # the work is done and recorded; a lock without a living holder holds nobody up


def _myself() -> Holder:
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
        except OSError:
            continue  # a shared disk that is away for a moment: the next beat tries again
