"""A volume that may be larger than memory: written once, slab by slab, and read by slices."""

from __future__ import annotations

import io
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import StoreError

# So many voxels are worked on at once: 4 MiB of float32, and a few such arrays at a time.
PART_VOXELS = 2**20
# Up to here a volume stays in memory (a brain of 1 mm is 30 MB); beyond, it goes to a file.
_IN_MEMORY_BYTES = 40_000_000

Array = npt.NDArray[Any]
Shape = tuple[int, int, int]


class Slabs:
    """A volume (slice, row, column), in memory while it is small, else in an unnamed file.

    The slabs may cut the volume along any axis, as its file does.

    Args:
        shape: (slices, rows, columns).
        dtype: of the voxels.
        scratch: folder of the file, None for the system's temporary folder. The file has no
            name, so it vanishes with the process, however that ends.

    Raises:
        StoreError: the folder cannot be written.
    """

    def __init__(self, shape: Shape, dtype: type[np.generic], scratch: Path | None) -> None:
        self.shape = shape
        size = np.prod(shape, dtype=np.float64) * np.dtype(dtype).itemsize
        self._kept: _Memory | _File
        if size <= _IN_MEMORY_BYTES:
            self._kept = _Memory(np.empty(shape, dtype))
        else:
            self._kept = _File(shape, np.dtype(dtype), scratch or Path(tempfile.gettempdir()))

    def write(self, axis: int, start: int, slab: Array) -> None:
        """Store a slab.

        Args:
            axis: 0 slices, 1 rows, 2 columns: along which it is cut.
            start: its first place along this axis.
            slab: all of the other two axes.

        Raises:
            StoreError: no room for it.
        """
        self._kept.write(axis, start, slab)

    def read(self, start: int, stop: int) -> Array:
        """Slices from ``start`` to before ``stop``: (slices, rows, columns), not to be changed.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._kept.read(start, stop)

    def parts(self) -> Iterator[range]:
        """Ranges of slices, together all, that may be worked on at once."""
        thick = max(1, PART_VOXELS // (self.shape[1] * self.shape[2]))
        for start in range(0, self.shape[0], thick):
            yield range(start, min(start + thick, self.shape[0]))


def _place(axis: int, start: int, length: int) -> tuple[slice, ...]:
    along = slice(start, start + length)
    return tuple(along if one == axis else slice(None) for one in range(3))


@dataclass(frozen=True)
class _Memory:
    whole: Array

    def write(self, axis: int, start: int, slab: Array) -> None:
        self.whole[_place(axis, start, slab.shape[axis])] = slab

    def read(self, start: int, stop: int) -> Array:
        return self.whole[start:stop]


@dataclass(frozen=True)
class _Slab:
    """A slab in the file, its slices outermost, so that some of them are one piece of it."""

    axis: int
    start: int
    shape: tuple[int, ...]
    offset: int


@contextmanager
def _scratch_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot keep a large volume in {folder}: {error.strerror or error}",
            hint="free space there, or set BENCH_CACHE to another folder",
        ) from error


class _File:
    def __init__(self, shape: Shape, dtype: np.dtype[Any], scratch: Path) -> None:
        self._shape, self._dtype, self._scratch = shape, dtype, scratch
        self._slabs: list[_Slab] = []
        with _scratch_errors(scratch):
            scratch.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed below
        weakref.finalize(self, self._file.close)

    def write(self, axis: int, start: int, slab: Array) -> None:
        with _scratch_errors(self._scratch):
            offset = self._file.seek(0, io.SEEK_END)
            self._file.write(np.ascontiguousarray(slab, dtype=self._dtype).data)
        self._slabs.append(_Slab(axis, start, slab.shape, offset))

    def read(self, start: int, stop: int) -> Array:
        found = np.empty((stop - start, *self._shape[1:]), self._dtype)
        with _scratch_errors(self._scratch):
            for slab in self._slabs:
                if slab.axis == 0:
                    first = max(start, slab.start)
                    last = min(stop, slab.start + slab.shape[0])
                    if first < last:
                        part = self._piece(slab, first - slab.start, last - slab.start)
                        found[first - start : last - start] = part
                else:
                    place = _place(slab.axis, slab.start, slab.shape[slab.axis])
                    found[place] = self._piece(slab, start, stop)
        return found

    def _piece(self, slab: _Slab, start: int, stop: int) -> Array:
        found = np.empty((stop - start, *slab.shape[1:]), self._dtype)
        self._file.seek(slab.offset + start * found[0].nbytes)
        self._file.readinto(found.data)
        return found
