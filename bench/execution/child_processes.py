"""A small process between a run and the process of a cell: it ends what the cell leaves behind.

A method may start processes of its own: data loaders, pools, programs. The supervisor is made the
reaper of all of them (Linux, `PR_SET_CHILD_SUBREAPER`), so that also a process that left its
session and lost its parent stays in the supervisor's tree. When the cell's process has ended, by
itself, by a signal, or because the run stops, the supervisor kills the whole tree, and ends in
the same way as the cell's process did.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection, parent_process
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TextIO

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_MOST_ROUNDS = 1000
_ROUND_S = 0.1


def supervise(
    work: Callable[..., None],
    arguments: tuple[Any, ...],
    channel: connection.Connection,
    log: Path,
) -> NoReturn:
    """Run a function in a process below this one, and end this one as that one ends.

    Args:
        work: the function.
        arguments: of it.
        channel: its connection to the run, closed here, so that the run sees when it is gone.
        log: gets what it prints, see `OutputLog`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to handle
    signal.signal(signal.SIGTERM, _stop)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    reading, writing = os.pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_work_below, args=(work, arguments, writing)
    )
    process.start()
    os.close(writing)
    channel.close()
    output = OutputLog(log)
    parent = parent_process()
    # The sentinel of a forked process is a pipe that its own children hold open too.
    try:
        sentinel = os.pidfd_open(process.pid or 0)
    except OSError:  # a kernel before 5.3
        sentinel = process.sentinel
    waiting = [sentinel, reading, *([parent.sentinel] if parent is not None else [])]
    while True:
        ready = connection.wait(waiting)
        if reading in ready and not output.copy(reading):
            waiting.remove(reading)
        if any(one != reading for one in ready):
            break
    process.join(0)
    code = process.exitcode
    end_descendants()
    while output.copy(reading):  # all who could write are dead
        pass
    output.close()
    _end_like(-signal.SIGTERM if code is None else code)


def _stop(signum: int, frame: FrameType | None) -> None:
    end_descendants()
    _end_like(-signum)


def _work_below(work: Callable[..., None], arguments: tuple[Any, ...], writing: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    os.close(writing)
    # New streams: the old ones may think that they are files, which can seek.
    sys.stdout, sys.stderr = _stream(1), _stream(2)
    try:
        work(*arguments)
    finally:
        # multiprocessing would wait for processes that the method did not join. torch's handler
        # would take their end for a fault.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        end_descendants()


def _stream(number: int) -> TextIO:
    return open(
        number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def end_descendants() -> None:
    """Kill every process below this one, also those that they start meanwhile."""
    me = psutil.Process()
    for _ in range(_MOST_ROUNDS):
        below = me.children(recursive=True)
        if not below:
            return
        for one in below:
            with suppress(psutil.Error):  # gone already
                one.kill()
        psutil.wait_procs(below, timeout=_ROUND_S)


def _end_like(code: int) -> NoReturn:
    """End this process with an exit code, or by a signal where it is negative."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # the action of SIGKILL cannot be set
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 1)


class OutputLog:
    """Copies what a process prints into the cell's log, with a bound.

    The first `HEAD` bytes and the last `TAIL` bytes are kept, and the log says how many are
    missing between them.

    Args:
        path: the log; others may append to it at the same time.
    """

    HEAD = 2**20
    TAIL = 2**16

    def __init__(self, path: Path) -> None:
        self._path = path
        self._room = self.HEAD
        self._rest = 0
        self._tail = b""

    def copy(self, reading: int) -> bool:
        """Copy what can be read now; False at the end."""
        data = os.read(reading, 2**16)
        head, rest = data[: self._room], data[self._room :]
        self._room -= len(head)
        self._append(head)
        self._rest += len(rest)
        self._tail = (self._tail + rest)[-self.TAIL :]
        return bool(data)

    def close(self) -> None:
        """Write the end of a long output."""
        missing = self._rest - len(self._tail)
        if missing > 0:
            self._append(f"\n… {missing} bytes were printed here and not kept …\n".encode())
        self._append(self._tail)

    def _append(self, data: bytes) -> None:
        if data:
            with suppress(OSError), self._path.open("ab") as log:  # a full disk ends no cell
                log.write(data)
