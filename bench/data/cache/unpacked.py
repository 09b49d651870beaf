"""Images in the arrays of an ``.npz``, unpacked once into the cache."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from bench.data.arrays import FloatArray
from bench.data.cache.eviction import evict, folder_bytes
from bench.data.cache.fingerprint import fingerprint_files, refuse_changed
from bench.data.cache.folder import touch
from bench.data.cache.kinds import CacheKind
from bench.data.cache.sealed import is_whole, sealed_folder
from bench.data.files import ImageFiles
from bench.data.read.damage import damage
from bench.data.read.images import checked_image, read_image


def read_files(files: ImageFiles, modality: str, cache: Path) -> FloatArray:
    """Read one modality of an image, from its own file or from an array of many.

    Args:
        files: of the image.
        modality: which of them.
        cache: the cache folder.

    Returns:
        (H, W) float32 of a grey image, (H, W, 3) of a colour one.

    Raises:
        DataError: as `bench.data.read.images.read_image`.
        StoreError: the cache cannot be written.
    """
    path = files.paths[modality]
    if files.row is None:
        return read_image(path)
    return read_row(path, f"{files.part}_images", files.row, cache)


def read_row(path: Path, member: str, row: int, cache: Path) -> FloatArray:
    """Read one image of an array in an ``.npz``.

    A compressed array cannot be read in part, so it is unpacked once into the cache.

    Args:
        path: the ``.npz``.
        member: name of the array, (N, H, W) or (N, H, W, 3).
        row: which image.
        cache: the cache folder.

    Returns:
        As `read_image`.

    Raises:
        DataError: as `read_image`, or there is no such array or row.
        StoreError: the cache cannot be written.
    """
    where = f"{path}, array {member!r}, image {row}"
    shas = fingerprint_files([path], cache)
    folder = CacheKind.arrays.folder(cache) / f"{shas[path]}-{member}"
    with damage(where, "cannot be read"):
        if not is_whole(folder):
            with sealed_folder(folder) as partial, zipfile.ZipFile(path) as archive:
                archive.extract(f"{member}.npy", partial)
                refuse_changed(fingerprint_files([path], cache), shas, "it was first read")
            evict(cache, folder_bytes(folder))
        touch(folder)
        array = np.load(folder / f"{member}.npy", mmap_mode="r", allow_pickle=False)
        image = np.asarray(array[row])
    return checked_image(where, image)
