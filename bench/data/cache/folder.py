"""The cache folder, and folders in it that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import StoreError

_HINT = "free space there, or set BENCH_CACHE to another folder"


def cache_dir() -> Path:
    """The folder of everything that can be made again.

    Returns:
        ``BENCH_CACHE``, else the user's cache folder; it exists and can be written.

    Raises:
        StoreError: it cannot be made or written.
    """
    # Imported here because the command line needs this module at start-up.
    from platformdirs import user_cache_path

    named = os.environ.get("BENCH_CACHE")
    folder = Path(named).expanduser().resolve() if named else user_cache_path("bench")
    with cache_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError("no permission to write")
    return folder


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Turn the operating system's errors while using the cache into a `StoreError`."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot use the cache folder {folder}: {error.strerror or error}", hint=_HINT
        ) from error


@contextmanager
def publish_folder(final: Path) -> Iterator[Path]:
    """Fill a temporary folder beside ``final`` and rename it when the block ends well.

    Several processes may publish the same folder: the first one wins and the others' work is
    dropped, so the content must follow from the name. The block should do nothing but write.

    Raises:
        StoreError: the folder cannot be written.
    """
    # Not tempfile.mkdtemp: its 0700 would shut out the others who share a cache.
    partial = final.parent / f".partial-{uuid.uuid4().hex}"
    try:
        with cache_errors(final.parent):
            partial.mkdir(parents=True)
            yield partial
            try:
                partial.rename(final)
            except OSError:
                if not final.is_dir():
                    raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def discard_folder(folder: Path) -> None:
    """Remove a damaged entry; whoever still has its files open keeps them.

    Raises:
        StoreError: it cannot be removed.
    """
    away = folder.parent / f".partial-{uuid.uuid4().hex}"
    with cache_errors(folder.parent):
        try:
            folder.rename(away)
        except FileNotFoundError:
            return  # another process was faster
        shutil.rmtree(away)


def touch(folder: Path) -> None:
    """Note that an entry was used just now: eviction takes the least recently used first."""
    # Whoever shares the cache may read entries that are not theirs to touch, or that are gone.
    with suppress(PermissionError, FileNotFoundError):
        os.utime(folder)
