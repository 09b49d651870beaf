"""What methods derive from training images, in the cache: superpixel images, for example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.data.cache.eviction import evict
from bench.data.cache.folder import touch
from bench.data.cache.kinds import CacheKind
from bench.data.cache.sealed import is_whole, sealed_folder


def derived_folder(cache: Path, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of files that follow from ``key``; made where it is missing or damaged.

    Args:
        cache: the cache folder.
        key: sha256 in hexadecimal of everything that the files follow from.
        make: writes the files into the empty folder that it is given.

    Raises:
        StoreError: the cache cannot be written.
    """
    folder = CacheKind.derived.folder(cache) / key
    if is_whole(folder):
        touch(folder)
        return folder
    with sealed_folder(folder) as partial:
        make(partial)
    evict(cache, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    return folder
