"""What to run: fits and cells with their keys, and which of them exist already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.cards import (
    AnyPreparation,
    Budget,
    DatasetCard,
    Headline,
    MethodCard,
    Registration,
)
from bench.data.cache.fingerprint import Fingerprints
from bench.data.find.index import Index, index_dataset
from bench.data.find.selection import Selection
from bench.data.findings import Finding
from bench.data.prepare.version import preparation_fingerprint
from bench.data.progress import Progress
from bench.errors import DataError
from bench.keys import canonical_json, key_of
from bench.planning.request import Request, TaskChoice
from bench.planning.settings import MethodChoice, file_content
from bench.planning.sources import Sources, find_sources, make_files
from bench.registry.plugins import PluginCard
from bench.store.locks import holder_is_alive
from bench.store.records import Record, RecordHead
from bench.store.store import Store

State = Literal["done", "skipped", "failed", "missing", "running", "interrupted", "stale"]


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
        headline: the number that the task is known by.
        registered: how the files of a registered dataset were made, by its name.
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
    headline: Headline | None = None
    registered: Mapping[str, Registration] = field(default_factory=dict)

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
    (plan,) = make_plans([request], data_dir=data_dir, cache=cache, progress=progress)
    return plan


def make_plans(
    requests: Sequence[Request],
    *,
    data_dir: Path | None,
    cache: Path,
    progress: Progress | None = None,
) -> list[Plan]:
    """As `make_plan` for each request; the files of a task are looked for once for all of them."""
    indices: dict[str, Index] = {}
    fingerprints: Fingerprints = {}
    found: dict[tuple[str, str, int], list[Sources]] = {}

    def index(card: DatasetCard) -> Index:
        if card.name not in indices:
            indices[card.name] = index_dataset(card, data_dir, cache)
        return indices[card.name]

    def sources_of(task: TaskChoice, budget: Budget) -> Sources:
        # Of a budget only this number says which files are used.
        same = found.setdefault((task.name, task.train_on.name, budget.training_subjects), [])
        for one in same:
            if one.task == task:
                return one
        same.append(find_sources(task, budget, index, cache, progress, fingerprints))
        return same[-1]

    make_files(((task, one.budget) for one in requests for task in one.tasks), cache, progress)
    return [
        _plan(one, tuple(sources_of(task, one.budget) for task in one.tasks)) for one in requests
    ]


def _plan(request: Request, sources: tuple[Sources, ...]) -> Plan:
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
    if _is_running(store, cell):
        return "running"
    head = find_head(store, cell)
    if head is not None:
        return head.status
    return "interrupted" if store.lock_path("cell", cell.key).exists() else "missing"


def done_head(store: Store, cell: Cell) -> RecordHead | None:
    """The head of a cell that is done, and that a run therefore leaves alone; else None.

    A skipped cell is tried again: that costs little where its reason still holds.

    Raises:
        StoreError: its record cannot be read.
    """
    head = None if _is_running(store, cell) else find_head(store, cell)
    return head if head and head.status == "done" else None


def _is_running(store: Store, cell: Cell) -> bool:
    lock = store.lock_path("cell", cell.key)
    return lock.exists() and holder_is_alive(lock)


def stale_cells(store: Store, cells: Sequence[Cell]) -> set[tuple[str, str]]:
    """Which cells (task, key) have a finished namesake of another key: card or data moved on."""
    done = {_namesake(head): head.key for head in store.read_heads() if head.status == "done"}
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


def _namesake(head: RecordHead) -> str:
    return canonical_json(
        [head.task, head.method, head.config, head.train_on, head.budget, head.seed]
    )


def _cell_namesake(cell: Cell) -> str:
    fit = cell.fit
    return canonical_json(
        [cell.task, fit.method.name, cell.settings, cell.train_on, fit.budget.name, fit.seed]
    )


def find_record(store: Store, cell: Cell) -> Record | None:
    """The whole record of a cell, if there is one."""
    return store.read_record(cell.task, cell.fit.method.name, cell.key)


def find_head(store: Store, cell: Cell) -> RecordHead | None:
    """Which cell it is and how it ended, if there is a record: enough to go on with a run."""
    return store.read_head(cell.task, cell.fit.method.name, cell.key)


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


def cell_key(fit: str, dataset: str, test: Selection, fingerprint: str) -> str:
    """The key of a cell: sha256 over its fit and over what it is tested on.

    Args:
        fit: key of the fit.
        dataset: name of the dataset of the test subjects.
        test: the test subjects.
        fingerprint: of their files.
    """
    selection: dict[str, Any] = {
        "dataset": dataset,
        "subjects": [one.subject for one in test.present],
        "lesion_free": test.lesion_free,
    }
    by_rule = [one.subject for one in test.present if one.truth_by_rule]
    if by_rule:
        selection["truth_by_rule"] = by_rule
    return key_of({"fit": fit, "test": fingerprint, "selection": selection})


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
    name = source.task.dataset.name
    return Cell(
        key=cell_key(key, name, source.test, source.test_fingerprint),
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
        headline=source.task.task.headline,
        registered={
            card.name: card.registered
            for card in (source.task.dataset, source.task.train_on)
            if card.registered is not None
        },
    )
