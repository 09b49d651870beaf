"""Images in the arrays of an ``.npz``, unpacked once into the cache."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray
from bench.data.cache.eviction import evict, folder_bytes
from bench.data.cache.fingerprint import fingerprint_files, refuse_changed
from bench.data.cache.folder import touch
from bench.data.cache.kinds import CacheKind
from bench.data.cache.sealed import is_whole, sealed_folder
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.read.damage import damage
from bench.data.read.images import checked_image, read_image

# An image in an array: the file, its part and its place.
Row = tuple[Path, str, int]
_ROWS = "rows.npy"


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
    with damage(where, "cannot be read"):
        image = np.asarray(_array(_unpacked(path, member, cache) / f"{member}.npy")[row])
    return checked_image(where, image)


def fingerprint_rows(subjects: Iterable[SubjectFiles], cache: Path) -> dict[Row, str]:
    """The sha256 of each image that is a row of an array in an ``.npz``.

    Args:
        subjects: whose images are wanted; files of their own have none here, see
            `bench.data.cache.fingerprint.fingerprint_files`.
        cache: the cache folder.

    Returns:
        sha256 in hexadecimal by file, part and row.

    Raises:
        DataError: as `read_row`.
        StoreError: the cache cannot be written.
    """
    wanted: dict[tuple[Path, str], set[int]] = {}
    for subject in subjects:
        for one in subject.image_files:
            if one.row is not None:
                for path in one.paths.values():
                    wanted.setdefault((path, one.part), set()).add(one.row)
    found: dict[Row, str] = {}
    for (path, part), rows in wanted.items():
        with damage(f"{path}, array '{part}_images'", "cannot be read"):
            folder = _unpacked(path, f"{part}_images", cache)
            kept = folder / _ROWS  # an entry of an older bench has none
            shas = (
                np.load(kept) if kept.is_file() else _digests(_array(folder / f"{part}_images.npy"))
            )
            found |= {(path, part, row): bytes(shas[row]).hex() for row in rows}
    return found


def _unpacked(path: Path, member: str, cache: Path) -> Path:
    """The folder of an array, and of the sha256 of each of its rows."""
    shas = fingerprint_files([path], cache)
    folder = CacheKind.arrays.folder(cache) / f"{shas[path]}-{member}"
    if not is_whole(folder):
        with sealed_folder(folder) as partial, zipfile.ZipFile(path) as archive:
            archive.extract(f"{member}.npy", partial)
            np.save(partial / _ROWS, _digests(_array(partial / f"{member}.npy")))
            refuse_changed(fingerprint_files([path], cache), shas, "it was first read")
        evict(cache, folder_bytes(folder))
    touch(folder)
    return folder


def _array(file: Path) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return array


def _digests(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """(N, 32) uint8."""
    shas = [hashlib.sha256(np.ascontiguousarray(one).tobytes()).digest() for one in array]
    return np.frombuffer(b"".join(shas), dtype=np.uint8).reshape(-1, 32)
