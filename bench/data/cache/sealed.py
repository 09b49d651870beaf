"""Entries of the cache that carry checksums: they are whole, or they are made again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bench import checksums
from bench.data.cache.folder import discard_folder, publish_folder
from bench.errors import StoreError

# What reading a truncated or foreign entry raises. Of the system's errors only these two speak of
# the entry: too many open files, no permission or a failing disk say nothing against it.
DAMAGE = (ValueError, EOFError, KeyError, TypeError, AttributeError, RecursionError,
          FileNotFoundError, IsADirectoryError)  # fmt: skip

_log = logging.getLogger("bench.cache")


@contextmanager
def sealed_folder(final: Path) -> Iterator[Path]:
    """As `publish_folder`, with checksums of all files that the block wrote.

    Raises:
        StoreError: the folder cannot be written.
    """
    with publish_folder(final) as partial:
        yield partial
        checksums.seal(partial)


def is_whole(folder: Path, files: Sequence[str] = ()) -> bool:
    """Whether an entry is in the cache with the bytes that were written.

    A damaged entry is named in the log and removed, so that it is made again. So is an entry of
    an older bench, which has no checksums.

    Args:
        folder: of the entry.
        files: names of the files to compare; empty means all.

    Raises:
        StoreError: the system cannot read it (too many open files, no permission, a failing
            disk), and the entry stays; or a damaged one cannot be removed.
    """
    if not folder.is_dir():
        return False
    try:
        with kept_on_trouble(folder):
            if checksums.is_sealed(folder):
                for name in files:
                    checksums.check_file(folder, name)
                if not files:
                    checksums.check_folder(folder)
                return True
        _say_unsealed(folder.parent)
    except DAMAGE as error:
        if folder.is_dir():  # not evicted in this moment
            _log.warning("a cache entry is made again: %s", error)
    discard_folder(folder)
    return False


@cache
def _say_unsealed(kind: Path) -> None:
    """Said once per process: there may be thousands of them."""
    _log.warning("entries in %s have no checksums: an older bench made them, and so this one "
                 "makes them again", kind)  # fmt: skip


@contextmanager
def kept_on_trouble(folder: Path) -> Iterator[None]:
    """Turn an error that says nothing against the entry into a `StoreError` that keeps it."""
    try:
        yield
    except DAMAGE:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot read the cache entry {folder}: {error.strerror or error}",
            hint="the entry stays; run again, or remove it with: bench cache clear",
        ) from error
