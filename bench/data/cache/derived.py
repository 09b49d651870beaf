"""What methods derive from training images, in the cache: superpixel images, for example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.data.cache.eviction import evict
from bench.data.cache.folder import publish_folder, touch
from bench.data.cache.kinds import CacheKind


def derived_folder(cache: Path, key: str, make: Callable[[Path], None]) -> Path:
    """The folder of files that follow from ``key``; made where it is not there.

    Args:
        cache: the cache folder.
        key: sha256 in hexadecimal of everything that the files follow from.
        make: writes the files into the empty folder that it is given.

    Raises:
        StoreError: the cache cannot be written.
    """
    folder = CacheKind.derived.folder(cache) / key
    if folder.is_dir():
        touch(folder)
        return folder
    with publish_folder(folder) as partial:
        make(partial)
    evict(cache, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))
    return folder
