"""Frees the space of a store: what it is, how large, and its removal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import StoreError
from bench.store.locks import holder_is_alive
from bench.store.records import Record
from bench.store.store import Store
from bench.upkeep.kinds import Cleaned
from bench.upkeep.parts import files_below


@dataclass(frozen=True)
class Entry:
    """Something that can be freed.

    Attributes:
        kind: what it is.
        paths: files and folders that go together.
        size: of all of them, in bytes.
        in_use: a running process works with it, so it stays.
    """

    kind: Cleaned
    paths: tuple[Path, ...]
    size: int
    in_use: bool


def entries(store: Store, stale: Sequence[Record]) -> list[Entry]:
    """All that can be freed, by kind.

    Args:
        store: the run store.
        stale: its records of older files, cards or versions.
    """
    found = []
    for kind, folder, lock in (
        (Cleaned.predictions, "_predictions", "cell"),
        (Cleaned.fits, "_fits", "fit"),
        (Cleaned.checkpoints, "_checkpoints", "fit"),
        (Cleaned.logs, "_logs", "cell"),
    ):
        place = store.root / folder
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            busy = holder_is_alive(store.lock_path(lock, path.name.removesuffix(".log")))
            found.append(Entry(kind, (path,), size_of(path), busy))
    return found + _stale_cells(store, stale)


def _stale_cells(store: Store, stale: Sequence[Record]) -> list[Entry]:
    if not stale:
        return []
    gone = {(one.task, one.method, one.key) for one in stale}
    kept = [
        one
        for one in store.read_all(by_subject=False)[0]
        if (one.task, one.method, one.key) not in gone
    ]
    # Two tasks may share a cell's key, and many cells a fit.
    keys, fits = {one.key for one in kept}, {one.fit_key for one in kept}
    found = []
    for one in stale:
        paths = [store.record_path(one.task, one.method, one.key)]
        if one.key not in keys:
            keys.add(one.key)
            paths += [store.prediction_folder(one.key), store.log_path(one.key)]
        if one.fit_key not in fits:
            fits.add(one.fit_key)  # counted once
            paths += [store.fit_folder(one.fit_key), store.checkpoint_folder(one.fit_key)]
        there = tuple(path for path in paths if path.exists())
        busy = any(
            holder_is_alive(store.lock_path(*lock))
            for lock in (("cell", one.key), ("fit", one.fit_key))
        )
        found.append(Entry(Cleaned.stale, there, sum(map(size_of, there)), busy))
    return found


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 for what is gone."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(one.stat().st_size for one in files_below(path))
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def free(found: Sequence[Entry]) -> int:
    """Remove entries; the bytes that are free now.

    What two entries share counts once. A record goes first, so a kill leaves no record without
    what belongs to it.

    Raises:
        StoreError: something cannot be removed.
    """
    freed = 0
    for entry in found:
        for path in entry.paths:
            size = size_of(path)
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise StoreError(f"{path} cannot be removed: {error.strerror or error}") from error
            freed += size
    return freed
