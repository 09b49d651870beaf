"""How much memory a cell takes, over all its processes."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import psutil

# Of mapped files the system takes pages back when it needs memory, so they do not count.
_OWN = re.compile(rb"^(?:Pss_Anon|Pss_Shmem|SwapPss): +(\d+) kB", re.MULTILINE)


def tree_bytes(pid: int) -> int:
    """Bytes that a process and all processes below it hold, each page once.

    What several processes share is counted in parts (proportional set size, Linux). Mapped files,
    such as prepared images, do not count. Where the system does not tell these numbers, the
    resident memory of each process counts, shared pages once per process.

    Args:
        pid: of the uppermost process; 0 bytes where it is gone.
    """
    try:
        top = psutil.Process(pid)
        tree = [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(_bytes(one) for one in tree)


def _bytes(process: psutil.Process) -> int:
    found: list[bytes] = []
    with suppress(OSError):  # not Linux, or the process has ended
        found = _OWN.findall(Path(f"/proc/{process.pid}/smaps_rollup").read_bytes())
    if found:
        return 1024 * sum(int(one) for one in found)
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
