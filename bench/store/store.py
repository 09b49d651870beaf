"""The run store: one folder with fits, predictions and records.

Layout of a store::

    <dataset>/<task>/<method>/<cell key>.json   records, complete at all times
    _fits/<fit key>/                            what Detector.save wrote
    _checkpoints/<fit key>/                     the state of a fit that was not finished
    _predictions/<cell key>/                    one file per subject
    _multiverse/<cell key>.json                 what `bench multiverse` made of them
    _current/<dataset>/<task>/                  which files are there now (see `store.current`)
    _locks/  _logs/  _partial/                  work in progress
    _training/<logger>/                         curves of ``bench run --log``, where asked for

Anything is written under ``_partial`` first and then renamed, so no reader ever sees half of it.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import ValidationError

from bench.errors import StoreError, printable
from bench.faults import first_in_plain_words
from bench.store.migrations import migrate
from bench.store.records import SCHEMA_VERSION, Record, RecordHead
from bench.store.unkept import RecordWithoutSubjects

_RECORDS = "[!_.]*/*/*/*.json"
_PID = re.compile(r"[0-9]{1,9}")  # a longer number is not the number of a process

_Kind = TypeVar("_Kind", bound=RecordHead)


@dataclass(frozen=True)
class Broken:
    """A record that cannot be read, and why."""

    path: Path
    problem: str


class Store:
    """A run store in one folder.

    Args:
        root: the folder; it need not exist to be read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- paths ---

    def record_path(self, task: str, method: str, key: str) -> Path:
        """The file of a cell's record; ``task`` is ``dataset/name``."""
        return self.root / task / method / f"{key}.json"

    def fit_folder(self, key: str) -> Path:
        """The folder of a finished fit."""
        return self.root / "_fits" / key

    def checkpoint_folder(self, key: str) -> Path:
        """The folder with the state of a fit that is not finished."""
        return self.root / "_checkpoints" / key

    def prediction_folder(self, key: str) -> Path:
        """The folder of a cell's predictions."""
        return self.root / "_predictions" / key

    def log_path(self, key: str) -> Path:
        """The file of a cell's log."""
        return self.root / "_logs" / f"{key}.log"

    def lock_path(self, kind: str, key: str) -> Path:
        """The lock file of a ``cell`` or ``fit``."""
        return self.root / "_locks" / f"{kind}-{key}.lock"

    # --- writing ---

    def open_for_writing(self) -> None:
        """Make the folder and prove that it can be written.

        Raises:
            StoreError: it cannot; said before any cell starts.
        """
        try:
            for name in ("_fits", "_predictions", "_locks", "_logs", "_partial"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            probe = self._partial()
            probe.write_bytes(b"x" * 4096)
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"the results folder {self.root} cannot be written: {error.strerror or error}",
                hint="choose another with --results DIR or BENCH_RESULTS",
            ) from error

    def write_record(self, record: Record) -> Path:
        """Write a record whole: temporary name, fsync, rename.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        path = self.record_path(record.task, record.method, record.key)
        self.write_text(
            path, json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
        )
        return path

    def write_text(self, path: Path, text: str) -> None:
        """Write a file of the store whole: temporary name, fsync, rename.

        Raises:
            StoreError: the disk is full or the folder cannot be written.
        """
        partial = self._partial()
        with self._explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as handle:
                handle.write(text)
                handle.flush()
                os.fsync(handle.fileno())
            partial.rename(path)

    @contextmanager
    def new_folder(self, target: Path) -> Iterator[Path]:
        """A temporary folder that becomes ``target`` when the block ends without an error."""
        partial, replaced = self._partial(), self._partial()
        with self._explained(target):
            partial.mkdir(parents=True)
            try:
                yield partial
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    # Moved away first: a kill in between leaves no half of the old one.
                    target.rename(replaced)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                shutil.rmtree(replaced, ignore_errors=True)

    def must_exist(self) -> None:
        """Refuse a store that does not exist: mostly its folder is mistyped.

        Raises:
            StoreError: the folder does not exist.
        """
        if not self.root.is_dir():
            raise StoreError(
                f"there is no run store at {self.root}", hint="bench suite smoke, or --results DIR"
            )

    def sweep(self) -> None:
        """Remove what processes of this host that have died left half-written."""
        for path in (self.root / "_partial").glob(f"{socket.gethostname()}~*"):
            pid = path.name.split("~")[1]
            # What does not bear the name of a process is somebody else's: it stays.
            if _PID.fullmatch(pid) and not psutil.pid_exists(int(pid)):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with suppress(OSError):  # as rmtree above: the next run tries again
                        path.unlink(missing_ok=True)

    def _partial(self) -> Path:
        """A new name for something half-written; it says who writes."""
        name = f"{socket.gethostname()}~{os.getpid()}~{uuid.uuid4().hex}"
        return self.root / "_partial" / name

    def scratch(self) -> Path:
        """A new folder for temporary files of this process, removed later if it dies."""
        folder = self._partial()
        with self._explained(folder):
            folder.mkdir(parents=True)
        return folder

    @contextmanager
    def _explained(self, target: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"{target} cannot be written: {error.strerror or error}",
                hint="free some disk space or choose another folder with --results DIR",
            ) from error

    # --- reading ---

    def read_record(self, task: str, method: str, key: str) -> Record | None:
        """The record of a cell, or None where there is none.

        Raises:
            StoreError: it cannot be read, or a newer bench wrote it: it is not to be lost.
        """
        path = self.record_path(task, method, key)
        if not path.is_file():
            return None
        found = _read(path)
        if isinstance(found, Broken):
            raise _unreadable(found)
        return found

    def read_head(self, task: str, method: str, key: str) -> RecordHead | None:
        """The head of a cell's record, or None where there is none.

        Raises:
            StoreError: as `read_record`, for what the head says.
        """
        path = self.record_path(task, method, key)
        if not path.is_file():
            return None
        found = _read_head(path)
        if isinstance(found, Broken):
            raise _unreadable(found)
        return found

    def read_heads(self) -> list[RecordHead]:
        """The heads of all records, in the order of their paths; broken ones are left out."""
        with uncollected():
            found = [_read_head(path) for path in sorted(self.root.glob(_RECORDS))]
        return [one for one in found if not isinstance(one, Broken)]

    def find_cell(self, key: str) -> Record:
        """The record of a cell, found by its key or the first letters of it.

        Raises:
            StoreError: no cell or several cells have such a key, or the record is broken.
        """
        paths = sorted(
            path for path in self.root.glob(_RECORDS) if key and path.stem.startswith(key)
        )
        found = {path.stem: path for path in paths}
        if len(found) != 1:
            what = "no cell has" if not found else f"{len(found)} cells have"
            raise StoreError(
                f"{what} a key that begins with {key!r} in {self.root}",
                hint="bench list cells",
            )
        record = _read(found.popitem()[1])
        if isinstance(record, Broken):
            raise StoreError(f"{record.path} cannot be read: {record.problem}")
        return record

    def read_all(self, *, by_subject: bool = True) -> tuple[list[Record], list[Broken]]:
        """Every record of the store, and every file that should be one and is not.

        Args:
            by_subject: with each subject's numbers; where they are only checked, a store of
                thousands of cells takes a fraction of the memory.

        Returns:
            Records and broken files, each in the order of their paths.
        """
        records: list[Record] = []
        broken: list[Broken] = []
        with uncollected():
            for path in sorted(self.root.glob(_RECORDS)):
                found = _read(path, by_subject=by_subject)
                if isinstance(found, Broken):
                    broken.append(found)
                else:
                    records.append(found)
        return records, broken


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection: tracing thousands of records takes 4/5 of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _unreadable(found: Broken) -> StoreError:
    return StoreError(
        f"the record {found.path} cannot be read: {found.problem}",
        hint="update bench, or move the file away to run the cell again",
    )


def _read_head(path: Path) -> RecordHead | Broken:
    """The head alone; the whole where it has another schema or a fault, which is then named."""
    try:
        head = _of_present_schema(RecordHead, path.read_bytes()) if path.is_file() else None
    except OSError:
        head = None
    return head or _read(path)


def _read(path: Path, *, by_subject: bool = True) -> Record | Broken:
    try:
        if path.exists() and not path.is_file():  # reading a named pipe would wait for ever
            return Broken(path, "not a record of bench: not a regular file")
        text = path.read_bytes()
        found = _of_present_schema(Record if by_subject else RecordWithoutSubjects, text)
        if found is not None:
            return found
        whole = Record.model_validate(migrate(json.loads(text)))
        return whole if by_subject else whole.without_subjects()
    except RecursionError:
        return Broken(path, "not a record of bench: nested too deeply")
    except StoreError as error:  # of another schema, in words of their own
        return Broken(path, printable(str(error), 300))
    except (OSError, ValueError) as error:
        if isinstance(error, ValidationError):
            words = first_in_plain_words(error.errors())
        elif isinstance(error, json.JSONDecodeError):
            words = f"it is not JSON: line {error.lineno}, column {error.colno}"
        elif isinstance(error, UnicodeDecodeError):
            words = "it is not text"
        elif isinstance(error, OSError):
            words = f"it cannot be read: {error.strerror}"
        else:
            words = printable(str(error), 300)
        return Broken(path, f"not a record of bench: {words}")


def _of_present_schema(kind: type[_Kind], text: bytes) -> _Kind | None:
    """A record of the present schema, parsed five times as fast; None sends it the long way."""
    try:
        record = kind.model_validate_json(text)
    except ValidationError:
        return None
    stated = "schema_version" in record.model_fields_set
    return record if stated and record.schema_version == SCHEMA_VERSION else None
