"""One run from a request to its records: the same for the command line and for the library.

A caller makes a `Session`, opens it, plans its requests and runs what the plan wants::

    session = Session(RunOptions(results=Path("results/runs"), command="bench.run"))
    session.open()
    agenda = session.plan([request])
    ended = session.run(agenda)

What is said in between, and how, is the caller's.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

from bench.cores import usable_cores
from bench.data.cache.folder import cache_dir
from bench.data.files import SubjectFiles
from bench.data.progress import Progress
from bench.errors import StoreError, UnknownName, UsageError, in_words
from bench.execution.context import RunContext
from bench.execution.seeding import resolve_device
from bench.executors import Event, Executor, OnEvent
from bench.executors.run_log import RunLog, require_logger
from bench.executors.table import load_executor
from bench.executors.warming import warm_cache
from bench.planning.plan import (
    Cell,
    cell_state,
    done_head,
    find_record,
    make_plans,
)
from bench.planning.request import Keep, Request
from bench.planning.sources import Sources
from bench.planning.staleness import mark_cells
from bench.store.records import Record, RecordHead
from bench.store.store import Store, uncollected

ONLY = ("failed", "skipped", "missing")
# Errors that another try may not meet; a method's own error and damaged data come again.
_RETRIED = ("killed", "out_of_memory")


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that change no number.

    Attributes:
        results: folder of the run store.
        command: how the run was started, for the records.
        data_dir: the folder with one folder per dataset; None where only embedded ones are used.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        keep: what of the predictions to keep.
        jobs: cells at once; None leaves it to the executor.
        executor: a name of `bench.executors.table`.
        force: run done cells again, fits included.
        only: states of cells (``failed``, ``skipped``, ``missing``) to run; empty means all that
            are not done. What was interrupted is missing too.
        retry: how often a cell is run again at once that failed for no fault of its method: its
            worker was killed, it ran out of memory, or its record could not be written.
        time_limit_minutes: as in `bench.execution.context.RunContext`.
        memory_limit_gb: as there.
        profile: as there.
        detach: as there.
        address: as there.
        log: a logger of `bench.executors.run_log`; None logs nothing.
    """

    results: Path
    command: str
    data_dir: Path | None = None
    device: str = "auto"
    keep: Keep = "maps"
    jobs: int | None = None
    executor: str = "local"
    force: bool = False
    only: tuple[str, ...] = ()
    retry: int = 0
    time_limit_minutes: float | None = None
    memory_limit_gb: float | None = None
    profile: Path | None = None
    detach: bool = False
    address: str | None = None
    log: str | None = None


@dataclass(frozen=True)
class Agenda:
    """What a session will do.

    Attributes:
        cells: all cells that were asked for, each once.
        wanted: those of them that will run.
        sources: the files of each task.
        heads: of the records of the cells that are done already and will not run.
    """

    cells: tuple[Cell, ...]
    wanted: tuple[Cell, ...]
    sources: tuple[Sources, ...]
    heads: tuple[RecordHead, ...] = ()

    @property
    def done(self) -> tuple[Cell, ...]:
        """The cells that are done already and will not run."""
        wanted = {_name(cell) for cell in self.wanted}
        return tuple(cell for cell in self.cells if _name(cell) not in wanted)


@dataclass(frozen=True)
class Ended:
    """How a session ended.

    Attributes:
        records: of all cells that were asked for, in their order, but for the unrecorded ones.
        unrecorded: cells of this session without a record of it, and why.
        unprepared: subjects that could not be prepared, and why; the cells that need them failed.
        queued: cells that a queue has, and where; nobody waits for them.
        log_fault: why logging stopped before the end; empty where it did not.
    """

    records: tuple[Record, ...]
    unrecorded: tuple[tuple[Cell, str], ...]
    unprepared: tuple[tuple[SubjectFiles, BaseException], ...]
    queued: tuple[tuple[Cell, str], ...] = ()
    log_fault: str = ""


class Session:
    """Runs requests.

    Args:
        options: of the run.
    """

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.store = Store(options.results)
        self._started = time.time()

    @cached_property
    def cache(self) -> Path:
        """The folder of the cache."""
        return cache_dir()

    @cached_property
    def _executor(self) -> Executor:
        return load_executor(self.options.executor)(self._context(), self.options.jobs)

    def open(self) -> None:
        """Refuse what cannot run before any file is read; sweep up after dead processes.

        Raises:
            UsageError: a wrong option, or a device or an executor that is not there.
            MissingExtra: the package of the logger is not installed.
            BenchError: whatever the executor refuses, such as a wrong profile, or a package of its
                own that is missing.
            StoreError: the results or the cache cannot be written.
        """
        options = self.options
        if options.keep not in get_args(Keep):
            raise UnknownName("value of keep:", options.keep, get_args(Keep))
        if options.jobs is not None and options.jobs < 1:
            raise UsageError(f"jobs={options.jobs} must be 1 or more")
        for name in options.only:
            if name not in ONLY:
                raise UnknownName("value of only:", name, ONLY)
        limits = {"time": options.time_limit_minutes, "memory": options.memory_limit_gb}
        for name, limit in limits.items():
            if limit is not None and not 0 < limit < math.inf:
                raise UsageError(f"--{name}-limit {limit:g} must be a number above 0")
        if options.retry < 0:
            raise UsageError(f"retry={options.retry} must be 0 or more")
        queues = getattr(self._executor, "queues", False)
        given = {
            "detach": options.detach,
            "profile": options.profile,
            "ray-address": options.address,
        }
        for name, value in given.items():
            if value and not queues:
                raise UsageError(
                    f"--{name} needs an executor of a cluster; {options.executor!r} is not one",
                    hint="--executor slurm",
                )
        if options.log is not None:
            require_logger(options.log)
        if options.device != "auto":
            resolve_device(options.device)
        self.store.open_for_writing()
        self.store.sweep()

    def plan(self, requests: Sequence[Request], progress: Progress | None = None) -> Agenda:
        """Find the files of some requests and say which cells will run. Runs nothing.

        A store that exists and can be written notes which files were found: its records of other
        files are stale from then on.

        Args:
            requests: a cell that several of them ask for is run once.
            progress: told about generated and fingerprinted files.

        Raises:
            DataError: files are missing.
            StoreError: a record cannot be read, or the store cannot be written.
        """
        options = self.options
        if progress is not None:
            progress(0, 0, "looking for files")
        plans = make_plans(requests, data_dir=options.data_dir, cache=self.cache, progress=progress)
        cells = {_name(cell): cell for plan in plans for cell in plan.cells}
        if os.access(self.store.root, os.W_OK):
            mark_cells(self.store, cells.values(), options.data_dir)
        asked = tuple(cell for cell in cells.values() if self._is_asked(cell))
        heads = ((cell, None if options.force else done_head(self.store, cell)) for cell in asked)
        done = {_name(cell): head for cell, head in heads if head}
        return Agenda(
            cells=asked,
            wanted=tuple(cell for cell in asked if _name(cell) not in done),
            # Requests share the sources of a task: each is named once.
            sources=tuple({id(one): one for plan in plans for one in plan.sources}.values()),
            heads=tuple(done.values()),
        )

    def run(
        self,
        agenda: Agenda,
        on_event: OnEvent = lambda event: None,
        progress: Progress = lambda done, total, note: None,
        *,
        by_subject: bool = True,
    ) -> Ended:
        """Run what is wanted and read all records back.

        Args:
            agenda: of `plan`.
            on_event: told what happens to each cell.
            progress: told how many subjects are prepared.
            by_subject: read the records with each subject's numbers; without them thousands of
                cells take half the memory.
        """
        unrecorded: dict[tuple[str, str], str] = {}
        queued: dict[tuple[str, str], str] = {}
        ended: set[tuple[str, str]] = set()

        again: list[Cell] = []
        tries = 0
        log = RunLog(self.options.log, self.store.root) if self.options.log else None

        def listen(event: Event) -> None:
            if event.kind == "end" and tries < self.options.retry and self._deserves_retry(event):
                again.append(event.cell)
                event = replace(event, kind="retry")
            if event.kind == "end":
                ended.add(_name(event.cell))
                if event.status == "unrecorded":
                    unrecorded[_name(event.cell)] = event.reason
                if event.status == "queued":
                    queued[_name(event.cell)] = event.reason
            if log is not None:
                log.take(event)
            on_event(event)

        unprepared: list[tuple[SubjectFiles, BaseException]] = []
        if agenda.wanted:
            progress(0, 0, "importing")
            try:
                if not getattr(self._executor, "prepares", False):
                    unprepared = warm_cache(agenda.wanted, self.cache, usable_cores(), progress)
                self._executor.run(agenda.wanted, listen)
                while again:
                    tries, cells = tries + 1, tuple(again)
                    again.clear()
                    self._executor.run(cells, listen)
            finally:
                if log is not None:
                    log.close()
        for cell in agenda.wanted:
            if _name(cell) not in ended:
                unrecorded[_name(cell)] = f"executor {self.options.executor!r} did not end it"
        records: list[Record] = []
        with uncollected():
            for cell in agenda.cells:
                if _name(cell) in unrecorded or _name(cell) in queued:
                    continue
                found = self._record(cell)
                if isinstance(found, Record):
                    records.append(found if by_subject else found.without_subjects())
                else:
                    unrecorded[_name(cell)] = found
        return Ended(
            records=tuple(records),
            unrecorded=tuple(
                (cell, unrecorded[_name(cell)])
                for cell in agenda.cells
                if _name(cell) in unrecorded
            ),
            unprepared=tuple(unprepared),
            queued=tuple(
                (cell, queued[_name(cell)]) for cell in agenda.cells if _name(cell) in queued
            ),
            log_fault=log.fault if log is not None else "",
        )

    def _is_asked(self, cell: Cell) -> bool:
        if not self.options.only:
            return True
        state = cell_state(self.store, cell)
        return ("missing" if state == "interrupted" else state) in self.options.only

    def _deserves_retry(self, event: Event) -> bool:
        """Whether a cell failed for no fault of its method, so that another try may help."""
        if event.status == "unrecorded":
            return True
        found = self._record(event.cell) if event.status == "failed" else None
        return isinstance(found, Record) and found.error_class in _RETRIED

    def _context(self) -> RunContext:
        options = self.options
        return RunContext(
            results=options.results.resolve(),
            cache=self.cache,
            device=options.device,
            keep=options.keep,
            command=options.command,
            fresh_after=self._started if options.force else None,
            time_limit_minutes=options.time_limit_minutes,
            memory_limit_gb=options.memory_limit_gb,
            profile=options.profile.resolve() if options.profile else None,
            detach=options.detach,
            address=options.address,
        )

    def _record(self, cell: Cell) -> Record | str:
        """The record of a cell, or why there is none."""
        try:
            record = find_record(self.store, cell)
        except StoreError as error:
            return in_words(error)
        if record is None:
            return f"its record is not in {self.store.root}"
        return record


def _name(cell: Cell) -> tuple[str, str]:
    """What tells cells apart: two tasks on one set of images share a cell key."""
    return cell.task, cell.key
