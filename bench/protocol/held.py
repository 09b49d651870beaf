"""Predictions held for several passes: each file of a cell is read once, whatever is asked."""

from __future__ import annotations

import glob
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from bench.errors import StoreError
from bench.store.predictions import SubjectPrediction

Passes = Callable[[], Iterator[SubjectPrediction]]

IN_MEMORY = 1 << 28
"""Bytes of arrays that stay in memory; those of further subjects go into temporary files."""

_LARGE = ("maps", "masks", "labels", "ignored")
_FOLDER = f"bench-predictions-{socket.gethostname()}~"
_PID = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class _InFiles:
    """A subject whose large arrays are in files.

    Attributes:
        rest: the subject without them.
        files: the file of each array, by its name.
    """

    rest: SubjectPrediction
    files: dict[str, Path]

    def mapped(self) -> SubjectPrediction:
        """The subject, its arrays memory-mapped for as long as the caller keeps it."""
        arrays: dict[str, Any] = {
            name: np.load(path, mmap_mode="r", allow_pickle=False)
            for name, path in self.files.items()
        }
        return replace(self.rest, **arrays)


class Held:
    """Subjects in the order in which they came; call it for a fresh pass over them.

    Memory is that of ``in_memory`` bytes and of the one subject that a pass is at.

    Args:
        folder: for the files of what does not stay in memory.
        in_memory: bytes of arrays.
    """

    def __init__(self, folder: Path, in_memory: int | None = None) -> None:
        self._folder, self._room = folder, IN_MEMORY if in_memory is None else in_memory
        self._kept: list[SubjectPrediction | _InFiles] = []

    def add(self, prediction: SubjectPrediction) -> None:
        """Hold one more subject; nobody may change its arrays afterwards.

        Raises:
            StoreError: the folder is full or cannot be written.
        """
        arrays = {name: getattr(prediction, name) for name in _LARGE}
        size = sum(one.nbytes for one in arrays.values() if one is not None)
        if size <= self._room:
            self._room -= size
            self._kept.append(prediction)
            return
        stem = str(len(self._kept))
        try:
            files = {
                name: _saved(one, self._folder / f"{stem}.{name}.npy")
                for name, one in arrays.items()
                if one is not None
            }
        except OSError as error:
            raise StoreError(
                f"the temporary folder {self._folder} cannot be written: {error.strerror}",
                hint="free some space, or name another folder: TMPDIR=FOLDER bench ...",
            ) from error
        nothing: dict[str, Any] = dict.fromkeys(files)
        rest = replace(prediction, **{**nothing, "masks": np.empty((0, 0, 0), np.bool_)})
        self._kept.append(_InFiles(rest, files))

    def __call__(self) -> Iterator[SubjectPrediction]:
        """A pass over all subjects that were added."""
        for one in self._kept:
            yield one.mapped() if isinstance(one, _InFiles) else one

    def arrange(self, key: Callable[[SubjectPrediction], Any]) -> None:
        """Bring the subjects into another order; the key sees no large arrays of some of them."""
        self._kept.sort(key=lambda one: key(one.rest if isinstance(one, _InFiles) else one))

    def forget(self) -> None:
        """Let go of all subjects."""
        self._kept.clear()


@contextmanager
def holding() -> Iterator[Held]:
    """Nothing yet, to be added to; what went into files is deleted at the end."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}~") as folder:
        kept = Held(Path(folder))
        try:
            yield kept
        finally:
            kept.forget()  # Windows removes no file that is still mapped


@contextmanager
def held(predictions: Iterable[SubjectPrediction]) -> Iterator[Passes]:
    """Take predictions once, for as many passes as are wanted."""
    with holding() as kept:
        for one in predictions:
            kept.add(one)
        yield kept


def _sweep(folder: Path) -> None:
    """Remove what killed processes of this host left in the folder for temporary files."""
    for path in folder.glob(f"{glob.escape(_FOLDER)}*~*"):
        pid = path.name[len(_FOLDER) :].partition("~")[0]
        if _PID.fullmatch(pid) and not psutil.pid_exists(int(pid)) and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _saved(array: npt.NDArray[np.generic], path: Path) -> Path:
    np.save(path, array)
    return path
