"""Whether the files that records are of are still the files that are there.

Files that did not change since they were last read are not read again: their size and times tell
(`bench.data.cache.fingerprint`). What finds and reads them is imported where there are files: a
report of phantoms, or of a store without its data, starts sooner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.errors import BenchError, DataError
from bench.planning.request import task_choice
from bench.store.current import Marks
from bench.store.records import Record

if TYPE_CHECKING:
    from bench.cards import DatasetCard
    from bench.data.find.index import Index
    from bench.data.find.selection import Selection

# A report waits for no more than this to be read; one corrected label is far less.
_MOST_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class _Found:
    """The files of a task, a training source and a budget as they are now.

    Attributes:
        dataset: name of the dataset of the test subjects.
        training: fingerprint of the training side; None where its files are generated, or where
            the budget has no card here.
        test: the test subjects; None where their files are generated.
        test_fingerprint: of their files.
    """

    dataset: str
    training: str | None = None
    test: Selection | None = None
    test_fingerprint: str = ""

    def moved(self, record: Record) -> bool:
        """Whether a run of now would give the record another key."""
        if self.training not in (None, record.fingerprints.get("training")):
            return True
        if self.test is None:
            return False
        from bench.planning.plan import cell_key

        return record.key != cell_key(
            record.fit_key, self.dataset, self.test, self.test_fingerprint
        )


class FilesNow:
    """The files of now, looked up once for all records that share them.

    Args:
        marks: of the store; they know in which folder the last run or plan found the data.
        data_dir: a folder with a folder per dataset, which comes before those of the marks.

    Attributes:
        unchecked: why files could not be looked up, and of which tasks.
    """

    def __init__(self, marks: Marks, data_dir: Path | None = None) -> None:
        self.unchecked: dict[str, set[str]] = defaultdict(set)
        self._marks = marks
        self._data_dir = data_dir
        self._found: dict[tuple[str, str, str], _Found | None] = {}
        self._indices: dict[tuple[str, Path], Index] = {}

    def moved(self, record: Record) -> bool | None:
        """Whether the record is of other files; None where that cannot be told."""
        key = (record.task, record.train_on, record.budget)
        if key not in self._found:
            try:
                self._found[key] = self._look(*key)
            except BenchError as error:
                self.unchecked[str(error)].add(record.task)
                self._found[key] = None
        found = self._found[key]
        return None if found is None else found.moved(record)

    @cached_property
    def _cache(self) -> Path:
        from bench.data.cache.folder import cache_dir

        return cache_dir()

    def _look(self, name: str, train_on: str, budget_name: str) -> _Found:
        if name not in registry.all_tasks():
            raise DataError("no card here has this task")
        task = task_choice(name, train_on)
        budget = registry.known_budget(budget_name)
        training = None
        if budget is not None and task.train_on.generator is None:
            index = self._index(task.train_on, name)
            from bench.planning.sources import select_training, training_fingerprint

            train, validation = select_training(task, budget, index)
            self._refuse_long_reading([train, validation])
            training = training_fingerprint(task, train, validation, self._cache)
        dataset = task.dataset
        if dataset.generator is not None:
            return _Found(dataset.name, training)
        index = self._index(dataset, name)
        from bench.data.cache.fingerprint import fingerprint_subjects
        from bench.planning.sources import select_test

        test = select_test(task, index)
        self._refuse_long_reading([test])
        sha = fingerprint_subjects(test.present, task.task.channels, True, self._cache)
        return _Found(dataset.name, training, test, sha)

    def _index(self, card: DatasetCard, task: str) -> Index:
        folder = self._folder(card, task)
        from bench.data.find.index import index_dataset

        key = (card.name, folder)
        if key not in self._indices:
            self._indices[key] = index_dataset(card, folder, self._cache)
        return self._indices[key]

    def _folder(self, card: DatasetCard, task: str) -> Path:
        marked = self._marks.data_dirs.get(task)
        folders = [one for one in (self._data_dir, Path(marked) if marked else None) if one]
        if not folders:
            raise DataError("no data folder is known")
        for one in folders:
            if (one / card.name).is_dir():
                return one
        raise DataError(f"there is no folder {' or '.join(str(x / card.name) for x in folders)}")

    def _refuse_long_reading(self, sides: Sequence[Selection]) -> None:
        from bench.data.cache.fingerprint import bytes_to_read, kind_of

        everyone = [one for side in sides for one in side.present]
        files = [path for one in everyone for path in one.files]
        needed = bytes_to_read(files, self._cache, kind_of(everyone))
        if needed > _MOST_BYTES:
            raise DataError(
                f"{needed / 1e9:.1f} GB that are not in the cache must be read first; bench plan"
                " reads them"
            )
