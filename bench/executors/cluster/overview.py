"""How the cells of a store's queue get on; and what to do with them from outside a run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bench.errors import UnknownName, UsageError
from bench.executors.cluster import squeue
from bench.executors.cluster.queue import Job, Queue, QueuedCell, Submission
from bench.executors.cluster.reports import CellReport
from bench.store.store import Store

State = Literal["queued", "running", "done", "skipped", "failed", "unrecorded", "lost", "unknown"]
OVER = ("done", "skipped", "failed", "unrecorded", "lost")
LOG_TAIL_LINES = 5

_STATES: Mapping[str, Callable[[Iterable[str]], Mapping[str, str]]] = {"slurm": squeue.job_states}


@dataclass(frozen=True)
class QueuedState:
    """One cell of the queue.

    Attributes:
        cell: its task, key and label.
        job: the queue's name of its job.
        state: ``queued``, ``running``; at its end the status of its record; ``lost`` where the
            job has ended and has not ended the cell; ``unknown`` where the queue does not answer.
        phase: what it is doing, with ``done`` of ``total``.
        seconds_left: until the phase ends, at its rate so far; None where that is not known.
        values: what its detector logged last, such as its loss.
        reason: why it failed; of a lost cell, how the job ended.
        log: the newest log of its job.
    """

    cell: QueuedCell
    job: str
    state: State
    phase: str = ""
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    reason: str = ""
    log: Path | None = None
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def cancelled(self) -> bool:
        """Whether somebody ended its job on purpose: its log then only says so at length."""
        return self.state == "lost" and "CANCELLED" in self.reason

    def log_tail(self) -> str:
        """The last lines of the job's log; empty where it has none, or has it no more."""
        if self.log is None or not self.log.is_file():
            return ""
        with self.log.open("rb") as handle:
            handle.seek(max(0, self.log.stat().st_size - 4000))
            lines = handle.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


@dataclass(frozen=True)
class Overview:
    """The queue at one moment.

    Attributes:
        cells: of all submissions that were not collected, oldest first. A cell that was handed
            in again stands once, with its newest job.
        damaged: files of the queue that cannot be read.
        alive: names of the jobs that wait or run.
        no_answer: why the queue did not answer; None where it did.
    """

    cells: tuple[QueuedState, ...]
    damaged: tuple[str, ...]
    alive: frozenset[str]
    no_answer: str | None

    def counts(self) -> Counter[str]:
        """How many cells are in each state."""
        return Counter(one.state for one in self.cells)


def look(store: Store) -> Overview:
    """How the cells of a store's queue get on. Changes nothing."""
    submissions, damaged = Queue(store).submissions()
    states, no_answer = _job_states(submissions)
    cells: dict[str, QueuedState] = {}
    for one in submissions:
        logs, reporting = one.logs(), one.reporting()
        for job in one.jobs:
            reports = one.reports(job) if job.number in reporting else {}
            for cell in job.cells:
                report = reports.get(cell.name)
                cells.pop(cell.name, None)
                state = _state(cell, job, one.engine, report, states.get(job.id))
                cells[cell.name] = replace(state, log=logs.get(job.id))
    alive = frozenset(job for job, state in states.items() if squeue.is_alive(state))
    return Overview(tuple(cells.values()), tuple(damaged), alive, no_answer)


def cancel(store: Store, keys: Sequence[str]) -> list[QueuedState]:
    """End the jobs of some cells, or all jobs of the store's queue.

    A job ends with all its cells, the ones beside those that were named too. Cells that had not
    ended have no record, so the next run hands them in again.

    Args:
        store: with the queue.
        keys: cell keys or their first letters; none means all.

    Returns:
        The cells that were waiting or running.

    Raises:
        UnknownName: no waiting or running cell has this key.
        NoAnswer: the queue does not answer; nothing is cancelled then, or not all.
    """
    alive = [one for one in look(store).cells if one.state in ("queued", "running", "unknown")]
    for key in keys:
        if not any(one.cell.key.startswith(key) for one in alive):
            raise UnknownName(
                "waiting or running cell", key, [one.cell.key for one in alive], hint="bench status"
            )
    wanted = [one for one in alive if not keys or one.cell.key.startswith(tuple(keys))]
    jobs = {one.job for one in wanted}
    squeue.cancel(sorted(jobs))
    return [one for one in alive if one.job in jobs]


def collect(store: Store, found: Overview) -> int:
    """Take submissions out of the queue of which every cell is over; their job logs go with them.

    Args:
        store: with the queue.
        found: what `look` has just said of it.

    Returns:
        How many submissions were taken out.

    Raises:
        UsageError: the queue does not answer, so it is not known what is over.
    """
    if found.no_answer:
        raise UsageError(f"the queue does not answer: {found.no_answer}", hint="try again later")
    newest = {one.cell.name: one for one in found.cells}

    def is_over(job: Job) -> bool:
        if not job.cells:  # it prepares the data for others
            return job.id not in found.alive
        # A cell that was handed in again is over here: what counts is its newest job.
        states = (newest[cell.name] for cell in job.cells)
        return all(one.job != job.id or one.state in OVER for one in states)

    queue, taken = Queue(store), 0
    for submission in queue.submissions()[0]:
        if all(is_over(job) for job in submission.jobs):
            queue.forget(submission)
            taken += 1
    return taken


def _job_states(submissions: Sequence[Submission]) -> tuple[dict[str, str], str | None]:
    """The queue's own words for each job; one question for each engine."""
    states: dict[str, str] = {}
    for engine in sorted({one.engine for one in submissions} & set(_STATES)):
        jobs = [job.id for one in submissions if one.engine == engine for job in one.jobs]
        try:
            states |= _STATES[engine](jobs)
        except squeue.NoAnswer as error:
            return states, str(error)
    return states, None


def _state(
    cell: QueuedCell,
    job: Job,
    engine: str,
    report: CellReport | None,
    job_state: str | None,
) -> QueuedState:
    if report is not None and report.state == "ended":
        status: State = report.status if report.status in OVER else "unrecorded"  # type: ignore[assignment]
        return QueuedState(cell, job.id, status, reason=report.reason)
    if job_state is None:
        return QueuedState(cell, job.id, "unknown")
    if not squeue.is_alive(job_state):
        reason = f"{engine} job {job.id} ended as {job_state}"
        return QueuedState(cell, job.id, "lost", reason=reason)
    if report is None or job_state in squeue.WAITING:
        return QueuedState(cell, job.id, "queued")
    return QueuedState(
        cell,
        job.id,
        "running",
        report.phase,
        report.done,
        report.total,
        report.seconds_left(time.time()),
        values=report.values,
    )
