"""What to run: fits and cells with their keys, and which of them exist already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.cards import AnyPreparation, Budget, DatasetCard, MethodCard
from bench.data.cache.fingerprint import fingerprint_files, fingerprint_subjects
from bench.data.cache.unpacked import fingerprint_rows
from bench.data.files import SubjectFiles
from bench.data.find.index import Index, index_dataset
from bench.data.find.leaks import refuse_overlap
from bench.data.find.selection import Selection, select
from bench.data.findings import Finding
from bench.data.prepare.version import preparation_fingerprint
from bench.data.progress import Progress
from bench.errors import DataError
from bench.keys import canonical_json, key_of
from bench.planning.findings import lacking_findings, task_findings
from bench.planning.request import Request, TaskChoice
from bench.planning.settings import MethodChoice, file_content
from bench.registry.plugins import PluginCard
from bench.store.locks import holder_is_alive
from bench.store.records import Record
from bench.store.store import Store

State = Literal["done", "skipped", "failed", "missing", "running", "interrupted", "stale"]


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


@dataclass(frozen=True)
class Fit:
    """One trained detector that cells need.

    Attributes:
        config: every setting; files by their content, as `bench.planning.settings` says.
        files: absolute path of each setting that is a file.
    """

    key: str
    method: MethodCard
    config: dict[str, Any]
    budget: Budget
    seed: int
    channels: tuple[str, ...]
    preparation: AnyPreparation
    train: Selection
    validation: Selection
    fingerprint: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def given_config(self) -> dict[str, Any]:
        """Every setting as the detector gets it: files by their paths."""
        return {**self.config, **self.files}

    def require_same_files(self) -> None:
        """Refuse a file of a setting that has other bytes than when the run was planned.

        Raises:
            DataError: it was changed or is gone.
        """
        for key, path in self.files.items():
            if not Path(path).is_file() or file_content(Path(path)) != self.config[key]:
                raise DataError(
                    f"data changed since the plan: {path} (setting {key!r})",
                    hint="run the same command again: it plans with the files as they are then",
                )


@dataclass(frozen=True)
class Cell:
    """One fit on one task's test images.

    Attributes:
        settings: only what differs from the card's defaults.
        shas: sha256 of each file of its subjects when it was planned.
        findings: what is odd about the files; none of it is an error.
    """

    key: str
    fit: Fit
    settings: dict[str, Any]
    task: str
    dataset: DatasetCard
    train_on: str
    test: Selection
    fingerprint: str
    protocols: tuple[str, ...]
    shas: Mapping[Path, str] = field(repr=False)
    findings: tuple[Finding, ...] = ()

    @property
    def label(self) -> str:
        """How messages name the cell."""
        return f"{self.fit.method.name} on {self.task}, seed {self.fit.seed}"


@dataclass(frozen=True)
class Plan:
    """All cells of a request, in the order they were asked for."""

    cells: tuple[Cell, ...]
    sources: tuple[Sources, ...]


def make_plan(
    request: Request, *, data_dir: Path | None, cache: Path, progress: Progress | None = None
) -> Plan:
    """Find the files, refuse leaks, and derive fits and cells.

    Args:
        request: what is asked for.
        data_dir: the folder with one folder per dataset; embedded datasets need none.
        cache: folder of the cache.
        progress: told about generated and fingerprinted files.

    Raises:
        DataError: files missing where a task needs them.
        SplitError: a subject or an image on both sides of a split.
    """
    indices: dict[str, Index] = {}

    def index(card: DatasetCard) -> Index:
        if card.name not in indices:
            indices[card.name] = index_dataset(card, data_dir, cache)
        return indices[card.name]

    sources = tuple(
        _sources(task, request.budget, index, cache, progress) for task in request.tasks
    )
    cells = [
        _cell(source, choice, request.budget, seed)
        for source in sources
        for choice in request.methods_for(source.task)
        for seed in range(1 if choice.card.deterministic else request.seeds)
    ]
    return Plan(cells=tuple(cells), sources=sources)


def cell_state(store: Store, cell: Cell) -> State:
    """What the store holds of a cell.

    Raises:
        StoreError: its record cannot be read.
    """
    lock = store.lock_path("cell", cell.key)
    if lock.exists() and holder_is_alive(lock):
        return "running"
    record = find_record(store, cell)
    if record is not None:
        return record.status
    return "interrupted" if lock.exists() else "missing"


def stale_cells(store: Store, cells: Sequence[Cell]) -> set[tuple[str, str]]:
    """Which cells (task, key) have a finished namesake of another key: card or data moved on."""
    records, _ = store.read_all(by_subject=False)
    done = {_namesake(record): record.key for record in records if record.status == "done"}
    return {
        (cell.task, cell.key)
        for cell in cells
        if done.get(_cell_namesake(cell), cell.key) != cell.key
    }


def cell_states(store: Store, cells: Sequence[Cell]) -> list[tuple[Cell, State]]:
    """What the store holds of each cell; `stale` where it only holds a cell of earlier data.

    Raises:
        StoreError: a record cannot be read.
    """
    stale = stale_cells(store, cells)
    states: list[tuple[Cell, State]] = []
    for cell in cells:
        state = cell_state(store, cell)
        moved = state == "missing" and (cell.task, cell.key) in stale
        states.append((cell, "stale" if moved else state))
    return states


def _namesake(record: Record) -> str:
    return canonical_json(
        [record.task, record.method, record.config, record.train_on, record.budget, record.seed]
    )


def _cell_namesake(cell: Cell) -> str:
    fit = cell.fit
    return canonical_json(
        [cell.task, fit.method.name, cell.settings, cell.train_on, fit.budget.name, fit.seed]
    )


def is_wanted(store: Store, cell: Cell, *, force: bool) -> bool:
    """Whether a run would do the cell: all but those that are done.

    A skipped cell is tried again too: that costs little where its reason still holds.
    """
    return force or cell_state(store, cell) != "done"


def find_record(store: Store, cell: Cell) -> Record | None:
    """The record of a cell, if there is one."""
    return store.read_record(cell.task, cell.fit.method.name, cell.key)


def _sources(
    task: TaskChoice,
    budget: Budget,
    index: Callable[[DatasetCard], Index],
    cache: Path,
    progress: Progress | None,
) -> Sources:
    channels = task.task.channels
    learn, judge = index(task.train_on), index(task.dataset)
    options: dict[str, Any] = {"progress": progress, "processes": 2}
    findings = task_findings(task, learn, judge)
    train = select(learn, "train", channels, need_label=False, **options)
    validation = (
        select(learn, "validation", channels, need_label=False, allow_empty=True, **options)
        if "validation" in task.train_on.splits
        else Selection(present=(), expected=0, absent=(), lesion_free=False)
    )
    test = select(judge, task.task.test, channels, need_label=True, **options)
    findings += (
        *lacking_findings(task.train_on, "train", train),
        *lacking_findings(task.train_on, "validation", validation),
        *lacking_findings(task.dataset, task.task.test, test),
    )
    train = _cut(train, budget.training_subjects)
    everyone: list[SubjectFiles] = [*train.present, *validation.present, *test.present]
    files = [path for subject in everyone for path in subject.files]
    shas = fingerprint_files(files, cache, progress)
    refuse_overlap(train, validation, test, shas, fingerprint_rows(everyone, cache))
    return Sources(
        task=task,
        train=train,
        validation=validation,
        test=test,
        train_fingerprint=_learning_fingerprint(train, validation, channels, cache),
        test_fingerprint=fingerprint_subjects(test.present, channels, True, cache),
        shas=shas,
        findings=findings,
    )


def _cut(selection: Selection, limit: int) -> Selection:
    """The first subjects by id, where the budget allows no more."""
    if limit == 0 or len(selection.present) <= limit:
        return selection
    return Selection(
        present=selection.present[:limit],
        expected=selection.expected,
        absent=selection.absent,
        lesion_free=selection.lesion_free,
    )


def _learning_fingerprint(
    train: Selection, validation: Selection, channels: list[str], cache: Path
) -> str:
    sides = {
        "train": [fingerprint_subjects(train.present, channels, train.lesion_free, cache)],
        "validation": [
            fingerprint_subjects(validation.present, channels, validation.lesion_free, cache)
        ],
    }
    return key_of(sides)


def fit_key(
    method: MethodCard,
    *,
    training: str,
    channels: Sequence[str],
    preparation: AnyPreparation,
    config: dict[str, Any],
    budget: dict[str, int],
    seed: int,
) -> str:
    """The key of a fit: sha256 over all that it follows from.

    Args:
        method: of a plug-in the source counts too (see `bench.registry.plugins`).
        training: fingerprint of the files it learns from.
        channels: modalities in order.
        preparation: of the task's dataset.
        config: every setting.
        budget: values that can change a number.
        seed: of everything random.
    """
    content = {
        "training": training,
        "channels": list(channels),
        "preparation": preparation_fingerprint(preparation),
        "method": method.name,
        "method_version": method.version,
        "config": config,
        "budget": budget,
        "seed": seed,
    }
    if isinstance(method, PluginCard):
        content["sources"] = method.sources
    return key_of(content)


def _cell(source: Sources, choice: MethodChoice, budget: Budget, seed: int) -> Cell:
    key = fit_key(
        choice.card,
        training=source.train_fingerprint,
        channels=source.task.task.channels,
        preparation=source.preparation,
        config=choice.config,
        budget=budget.key_values(),
        seed=seed,
    )
    fit = Fit(
        key=key,
        method=choice.card,
        config=choice.config,
        budget=budget,
        seed=seed,
        channels=tuple(source.task.task.channels),
        preparation=source.preparation,
        train=source.train,
        validation=source.validation,
        fingerprint=source.train_fingerprint,
        files=choice.files,
    )
    selection = {
        "dataset": source.task.dataset.name,
        "subjects": [one.subject for one in source.test.present],
        "lesion_free": source.test.lesion_free,
    }
    by_rule = [one.subject for one in source.test.present if one.truth_by_rule]
    if by_rule:
        selection["truth_by_rule"] = by_rule
    cell_key = key_of({"fit": key, "test": source.test_fingerprint, "selection": selection})
    return Cell(
        key=cell_key,
        fit=fit,
        settings=choice.settings,
        task=source.task.name,
        dataset=source.task.dataset,
        train_on=source.task.train_on.name,
        test=source.test,
        fingerprint=source.test_fingerprint,
        protocols=tuple(source.task.task.protocols),
        shas=source.shas,
        findings=source.findings,
    )
