"""Which files the records of a store should be of: what the newest run or plan found.

Layout, beside the records::

    _current/<dataset>/<task>/test.json                         files of the test side
    _current/<dataset>/<task>/training/<train_on>/<budget>.json files of the training side

A run or a plan fingerprints the files and writes what it found here, before any cell starts.
A record of other files is then known to be stale without reading any data. The marks follow the
files: where a label is corrected and the correction is taken back, the first record is current
again. A task without marks was written by an older bench.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.faults import first_in_plain_words
from bench.store.records import Record
from bench.store.store import Broken, Store


class Mark(BaseModel):
    """The files of one side of a task.

    Attributes:
        fingerprint: sha256 over the files, as `Record.fingerprints` holds it.
        since: when they were first found, UTC, ISO 8601.
        data_dir: absolute path of the folder that held their dataset's folder; empty where they
            were generated, and in marks of an older bench.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str
    since: str
    data_dir: str = ""


@dataclass(frozen=True)
class Marks:
    """All marks of a store.

    Attributes:
        test: fingerprint by task.
        training: fingerprint by task, training source and budget.
        data_dirs: by task, the folder in which its data were last.
        broken: files that should be marks and are not.
    """

    test: dict[str, str] = field(default_factory=dict)
    training: dict[tuple[str, str, str], str] = field(default_factory=dict)
    data_dirs: dict[str, str] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()

    def moved(self, record: Record) -> bool:
        """Whether the record is of other files than those found last."""
        test = self.test.get(record.task)
        training = self.training.get((record.task, record.train_on, record.budget))
        found = record.fingerprints
        return (test is not None and found.get("test") != test) or (
            training is not None and found.get("training") != training
        )


@dataclass(frozen=True)
class FoundFiles:
    """What a run or a plan found for one task, training source and budget.

    Attributes:
        data_dir: absolute path of the folder with a folder per dataset; empty for none.
    """

    task: str
    train_on: str
    budget: str
    test: str
    training: str
    data_dir: str = ""


def mark_current(store: Store, found: FoundFiles) -> None:
    """Note which files are there now; a mark that is right already keeps its date.

    Raises:
        StoreError: the store cannot be written.
    """
    training = _training_path(store, found.task, found.train_on, found.budget)
    _mark(store, _test_path(store, found.task), found.test, found.data_dir)
    _mark(store, training, found.training, found.data_dir)


def read_marks(store: Store) -> Marks:
    """All marks of a store; empty for the store of an older bench."""
    test: dict[str, str] = {}
    training: dict[tuple[str, str, str], str] = {}
    data_dirs: dict[str, str] = {}
    broken: list[Broken] = []
    root = store.root / "_current"
    for path in sorted(root.glob("*/*/**/*.json")):
        found = _read(path)
        if isinstance(found, Broken):
            broken.append(found)
            continue
        dataset, task, *rest = path.relative_to(root).with_suffix("").parts
        if rest == ["test"]:
            test[f"{dataset}/{task}"] = found.fingerprint
            data_dirs[f"{dataset}/{task}"] = found.data_dir
        elif len(rest) == 3:
            training[f"{dataset}/{task}", rest[1], rest[2]] = found.fingerprint
    return Marks(test, training, data_dirs, tuple(broken))


def _test_path(store: Store, task: str) -> Path:
    return store.root / "_current" / task / "test.json"


def _training_path(store: Store, task: str, train_on: str, budget: str) -> Path:
    return store.root / "_current" / task / "training" / train_on / f"{budget}.json"


def _mark(store: Store, path: Path, fingerprint: str, data_dir: str) -> None:
    old = _read(path) if path.is_file() else None
    since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    if isinstance(old, Mark) and old.fingerprint == fingerprint:
        since = old.since
    new = Mark(fingerprint=fingerprint, since=since, data_dir=data_dir)
    if new != old:
        store.write_text(path, new.model_dump_json() + "\n")


def _read(path: Path) -> Mark | Broken:
    try:
        return Mark.model_validate_json(path.read_bytes())
    except OSError as error:
        return Broken(path, f"not a mark of current files: it cannot be read: {error.strerror}")
    except ValidationError as error:
        return Broken(path, f"not a mark of current files: {first_in_plain_words(error.errors())}")
