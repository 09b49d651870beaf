"""Keeps the cache within its size: the least recently used prepared arrays go first.

An entry is a folder that appears whole and is renamed away before it is removed. A process that
has its files open or mapped keeps them, one that comes later makes them again; so eviction is
safe while others run, and a bound below what one run needs costs time, never correctness.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data.cache.folder import cache_errors, discard_folder
from bench.data.cache.kinds import CacheKind
from bench.errors import UsageError

DEFAULT_GB = 50.0
# Looking costs a walk through the cache, so it is done once per so many bytes written.
_LOOK_EVERY = 256 * 2**20
# Evicting a little more than needed spares the next walks.
_DOWN_TO = 0.9
_GRACE_S = 10.0

_written_since_look = _LOOK_EVERY


@dataclass(frozen=True)
class Entry:
    """One evictable folder.

    Attributes:
        used: time of the last use, seconds since the epoch.
        size: bytes on disk.
    """

    path: Path
    used: float
    size: int


def bound_bytes() -> int:
    """The largest size of all evictable entries: ``BENCH_CACHE_GB``, else 50 GB.

    Raises:
        UsageError: the variable is not a positive number.
    """
    text = os.environ.get("BENCH_CACHE_GB", "").strip()
    try:
        gigabytes = float(text) if text else DEFAULT_GB
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < float("inf"):
        raise UsageError(
            f"BENCH_CACHE_GB={text!r} must be a number of gigabytes above 0, for example 50"
        )
    return int(gigabytes * 1e9)


def evict(cache: Path, written: int) -> None:
    """Note what was written; now and then remove the least recently used entries.

    Args:
        cache: the cache folder.
        written: bytes just written.

    Raises:
        UsageError: the bound is not a number.
        StoreError: an entry cannot be removed.
    """
    global _written_since_look
    _written_since_look += written
    bound = bound_bytes()
    if _written_since_look < min(_LOOK_EVERY, bound // 10):
        return
    _written_since_look = 0
    shrink(cache, bound)


def shrink(cache: Path, bound: int) -> int:
    """Remove the least recently used entries until they take no more than ``bound`` bytes.

    Nothing is done where another process is doing it.

    Returns:
        The bytes freed.
    """
    with cache_errors(cache), (cache / "evicting").open("a") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        found = sorted(entries(cache), key=lambda one: one.used)
        total, freed = sum(one.size for one in found), 0
        if total <= bound:
            return 0
        # What was used just now is about to be used again; without it a run could not go on.
        since = time.time() - _GRACE_S
        for one in (e for e in found if e.used < since):
            if total - freed <= _DOWN_TO * bound:
                break
            discard_folder(one.path)
            freed += one.size
        return freed


def entries(cache: Path) -> Iterator[Entry]:
    """All evictable entries; those that vanish meanwhile are left out."""
    for kind in (one for one in CacheKind if one.evictable):
        for path in kind.folder(cache).glob("*"):
            try:
                if path.name.startswith("."):
                    continue
                size = sum(one.stat().st_size for one in path.iterdir())
                yield Entry(path, path.stat().st_mtime, size)
            except (FileNotFoundError, NotADirectoryError):
                continue


def clear(cache: Path, kinds: Iterable[CacheKind]) -> int:
    """Remove whole kinds of entries.

    Args:
        cache: the cache folder.
        kinds: what to remove.

    Returns:
        The bytes freed.

    Raises:
        StoreError: something cannot be removed.
    """
    freed = 0
    for kind in kinds:
        freed += folder_bytes(kind.folder(cache))
        if kind.evictable:
            # One by one, so that a process that writes there keeps its parent folder.
            for path in kind.folder(cache).glob("*"):
                discard_folder(path)
        else:
            discard_folder(kind.folder(cache))
    return freed


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
