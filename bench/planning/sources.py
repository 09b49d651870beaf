"""The files of one task: found, held against each other, and fingerprinted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.cards import AnyPreparation, Budget, DatasetCard
from bench.data.cache.fingerprint import (
    Fingerprints,
    fingerprint_files,
    fingerprint_subjects,
    kind_of,
)
from bench.data.cache.unpacked import fingerprint_rows
from bench.data.files import SubjectFiles
from bench.data.find.generated import generate, generated_root
from bench.data.find.index import Index
from bench.data.find.leaks import refuse_overlap, twice
from bench.data.find.selection import Selection, generated_ids, select
from bench.data.findings import Finding
from bench.data.progress import Progress
from bench.errors import DataError
from bench.keys import key_of
from bench.planning.findings import lacking_findings, task_findings
from bench.planning.request import TaskChoice

# Processes that may make generated files.
_PROCESSES = 2


@dataclass(frozen=True)
class Sources:
    """The files of one task: what to learn from and what to test on.

    Attributes:
        shas: sha256 of each file of all three sides.
    """

    task: TaskChoice
    train: Selection
    validation: Selection
    test: Selection
    train_fingerprint: str
    test_fingerprint: str
    shas: Mapping[Path, str]
    findings: tuple[Finding, ...] = ()

    @property
    def preparation(self) -> AnyPreparation:
        """How both sides are prepared; the card's validator guarantees it."""
        preparation = self.task.dataset.preparation
        if preparation is None:
            raise DataError(f"dataset {self.task.dataset.name!r} has no [preparation]")
        return preparation


def make_files(
    wanted: Iterable[tuple[TaskChoice, Budget]], cache: Path, progress: Progress | None
) -> None:
    """Make what is not there yet of all generated files that some tasks need, all at once.

    Each call of a generator starts processes that load its template, so one call is cheaper than
    one for each split.

    Raises:
        CardError, StoreError: as `bench.data.find.generated.generate`.
    """
    ids: dict[tuple[str, Path], dict[str, None]] = {}
    for task, budget in wanted:
        sides = (
            (task.train_on, "train", budget.training_subjects),
            (task.train_on, "validation", 0),
            (task.dataset, task.task.test, 0),
        )
        for card, split, limit in sides:
            if card.generator is not None and split in card.splits:
                root = generated_root(card, card.generator, cache)
                for one in generated_ids(card, split, limit):
                    ids.setdefault((card.generator, root), {})[one] = None
    for (generator, root), some in ids.items():
        generate(generator, root, [*some], _PROCESSES, progress)


def find_sources(
    task: TaskChoice,
    budget: Budget,
    index: Callable[[DatasetCard], Index],
    cache: Path,
    progress: Progress | None,
    fingerprints: Fingerprints,
) -> Sources:
    """Find the files of a task and refuse what cannot be used.

    Args:
        task: what is tested, and on what is learned.
        budget: its number of training subjects limits what is learned from.
        index: gives the files of a dataset.
        cache: the cache folder.
        progress: told about generated and fingerprinted files.
        fingerprints: of the files of other tasks of this plan; those found here are added.

    Raises:
        DataError: files are missing, or cannot be used.
        SplitError: a subject or an image on both sides of a split.
    """
    channels = task.task.channels
    learn, judge = index(task.train_on), index(task.dataset)
    findings = task_findings(task, learn, judge)
    train, validation = select_training(task, budget, learn, progress)
    test = select_test(task, judge, progress)
    findings += (
        *lacking_findings(task.train_on, "train", train),
        *lacking_findings(task.train_on, "validation", validation),
        *lacking_findings(task.dataset, task.task.test, test),
    )
    everyone: list[SubjectFiles] = [*train.present, *validation.present, *test.present]
    files = [path for subject in everyone for path in subject.files]
    shas = fingerprint_files(files, cache, progress, kind=kind_of(everyone), known=fingerprints)
    rows = fingerprint_rows(everyone, cache)
    refuse_overlap(train, validation, test, shas, rows)
    findings += (*twice((train, validation, test), shas, rows),)
    return Sources(
        task=task,
        train=train,
        validation=validation,
        test=test,
        train_fingerprint=training_fingerprint(task, train, validation, cache, shas),
        test_fingerprint=fingerprint_subjects(test.present, channels, True, cache, shas),
        shas=shas,
        findings=findings,
    )


def select_training(
    task: TaskChoice, budget: Budget, learn: Index, progress: Progress | None = None
) -> tuple[Selection, Selection]:
    """The subjects to learn from, and those to validate on, which may be none.

    Raises:
        DataError: as `bench.data.find.selection.select`.
    """
    channels = task.task.channels
    train = select(
        learn,
        "train",
        channels,
        need_label=False,
        progress=progress,
        processes=_PROCESSES,
        limit=budget.training_subjects,
    )
    if "validation" not in task.train_on.splits:
        return train, Selection(present=(), expected=0, absent=(), lesion_free=False)
    validation = select(
        learn,
        "validation",
        channels,
        need_label=False,
        allow_empty=True,
        progress=progress,
        processes=_PROCESSES,
    )
    return train, validation


def select_test(task: TaskChoice, judge: Index, progress: Progress | None = None) -> Selection:
    """The subjects to test on.

    Raises:
        DataError: as `bench.data.find.selection.select`.
    """
    return select(
        judge,
        task.task.test,
        task.task.channels,
        need_label=True,
        progress=progress,
        processes=_PROCESSES,
    )


def training_fingerprint(
    task: TaskChoice,
    train: Selection,
    validation: Selection,
    cache: Path,
    shas: Mapping[Path, str] | None = None,
) -> str:
    """One sha256 over all files of the training side; ``shas`` as in `fingerprint_subjects`."""
    channels = task.task.channels
    sides = {"train": train, "validation": validation}
    return key_of(
        {
            name: [fingerprint_subjects(side.present, channels, side.lesion_free, cache, shas)]
            for name, side in sides.items()
        }
    )
