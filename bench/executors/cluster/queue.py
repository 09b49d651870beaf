"""What was handed in: one folder for each submission, in the store, below ``_queue``.

::

    _queue/<submission>/submission.json   the jobs and their cells
                        reports/<n>.json  what job n says of its cells
                        jobs/             what submitit needs, and the jobs' logs

Reading it runs no code: only submitit itself, inside a job, unpickles its files.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import StoreError
from bench.executors.cluster.reports import CellReport, name_of, read_report
from bench.planning.plan import Cell
from bench.store.store import Store

_MOST_BYTES = 500_000_000


class QueuedCell(BaseModel):
    """A cell as the queue's file names it."""

    model_config = ConfigDict(frozen=True)

    task: str
    key: str
    label: str

    @property
    def name(self) -> str:
        """As `bench.executors.cluster.reports.name_of`."""
        return f"{self.task} {self.key}"


class Job(BaseModel):
    """One job: its name at the queue, its number in the submission, its cells."""

    model_config = ConfigDict(frozen=True)

    id: str
    number: int
    cells: tuple[QueuedCell, ...]


class _Submission(BaseModel):
    engine: str
    user: str
    submitted: float
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Submission:
    """Jobs that were handed in together.

    Attributes:
        folder: of the submission.
        engine: the executor's name, for example ``slurm``.
        submitted: when, in seconds since the epoch.
        jobs: all of them.
    """

    folder: Path
    engine: str
    submitted: float
    jobs: tuple[Job, ...]

    def reports(self, job: Job) -> dict[str, CellReport]:
        """What a job has said of its cells so far, by the cells' names."""
        return dict(read_report(report_path(self.folder, job.number)))

    def reporting(self) -> set[int]:
        """The numbers of the jobs that have said anything; one look at the folder.

        Thousands of jobs wait for each that runs: on a shared disk nobody may ask for a file of
        every one of them.
        """
        names = (one.partition(".") for one in _names(self.folder / "reports"))
        return {int(number) for number, _, end in names if number.isdecimal() and end == "json"}

    def logs(self) -> dict[str, Path]:
        """The newest log of each job that has begun, by the job's name; one look at the folder."""
        found: dict[str, list[Path]] = {}
        for name in _names(self.folder / "jobs"):
            if name.endswith("_log.err"):  # JOB_TASK_log.err
                found.setdefault(name.rsplit("_", 2)[0], []).append(self.folder / "jobs" / name)
        return {job: _newest(logs) for job, logs in found.items()}


class Queue:
    """The submissions of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._root = store.root / "_queue"

    def new_folder(self) -> Path:
        """A folder for jobs that are about to be handed in.

        Raises:
            StoreError: it cannot be made.
        """
        name = time.strftime("%Y%m%d-%H%M%S-") + uuid.uuid4().hex[:8]
        try:
            for part in ("jobs", "reports"):
                (self._root / name / part).mkdir(parents=True)
        except OSError as error:
            raise StoreError(
                f"the queue's folder {self._root} cannot be written: {error.strerror or error}"
            ) from error
        return self._root / name

    def note(self, folder: Path, engine: str, user: str, jobs: Sequence[Job]) -> Submission:
        """Write down what was handed in.

        Raises:
            StoreError: it cannot be written.
        """
        content = _Submission(engine=engine, user=user, submitted=time.time(), jobs=tuple(jobs))
        self._store.write_text(folder / "submission.json", content.model_dump_json())
        return Submission(folder, engine, content.submitted, content.jobs)

    def submissions(self) -> tuple[list[Submission], list[str]]:
        """All that was handed in and not collected, oldest first; and the files that are damaged.

        A submission that was being written when its process died has no file: its jobs, if
        there are any, write their records all the same.
        """
        found: list[Submission] = []
        damaged: list[str] = []
        for path in sorted(self._root.glob("*/submission.json")):
            try:
                if path.stat().st_size > _MOST_BYTES:
                    raise ValueError
                content = _Submission.model_validate(json.loads(path.read_bytes()))
            except (OSError, ValueError, RecursionError, ValidationError):
                damaged.append(str(path))
                continue
            found.append(Submission(path.parent, content.engine, content.submitted, content.jobs))
        return found, damaged

    def forget(self, submission: Submission) -> None:
        """Remove the folder of a submission, logs of its jobs included."""
        shutil.rmtree(submission.folder)


def _names(folder: Path) -> list[str]:
    """What a folder holds; nothing where it is not there."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _newest(logs: Sequence[Path]) -> Path:
    return logs[0] if len(logs) == 1 else max(logs, key=lambda one: one.stat().st_mtime)


def report_path(folder: Path, number: int) -> Path:
    """Where a submission's job writes how its cells get on."""
    return folder / "reports" / f"{number}.json"


def queued_cell(cell: Cell) -> QueuedCell:
    """A cell as the queue's file names it."""
    found = QueuedCell(task=cell.task, key=cell.key, label=cell.label)
    assert found.name == name_of(cell)
    return found
