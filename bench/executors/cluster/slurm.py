"""Runs cells as jobs of Slurm, through submitit."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import RunError, in_words
from bench.execution.context import RunContext
from bench.executors import Event, OnEvent
from bench.executors.cluster import squeue
from bench.executors.cluster.batch import Batch, Preparation, in_batches
from bench.executors.cluster.profile import Profile, read_profile
from bench.executors.cluster.queue import Job, Queue, Submission, report_path
from bench.executors.cluster.reports import name_of
from bench.executors.cluster.watching import Watched, as_jobs
from bench.installed import command_to_install
from bench.planning.plan import Cell
from bench.store.locks import hold
from bench.store.records import ErrorClass
from bench.store.store import Store

ENGINE = "slurm"
MOST_JOBS_OF_AN_ARRAY = 1000  # Slurm's own default, MaxArraySize, is 1001
FULL_AGAIN_S = 30.0
LAST_WORDS_S = 10.0
"""How long a job that has ended may take until its last report is seen on a shared disk."""

_KINDS: Mapping[str, ErrorClass] = {
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "OUT_OF_MEMORY": "out_of_memory",
}


class SlurmExecutor:
    """Hands cells to Slurm and waits for them; what is queued already is not handed in twice.

    Args:
        context: where cells read and write, and how they run. Its folders must be on a disk
            that the nodes share.
        jobs: jobs at once; None takes the profile's number.

    Raises:
        RunError: submitit is not installed.
        UsageError: the profile does not exist.
        CardError: it is not a profile.
    """

    queues = True

    def __init__(self, context: RunContext, jobs: int | None) -> None:
        try:
            import submitit  # noqa: F401 - only to say at once that it is missing
        except ImportError as error:
            raise RunError(
                "the executor 'slurm' needs the package submitit",
                hint=command_to_install("cluster"),
            ) from error
        self._context = context
        self._profile: Profile = read_profile(context.profile)
        self._jobs_at_once = jobs or self._profile.jobs_at_once
        self._store = Store(context.results)
        self._queue = Queue(self._store)

    @property
    def prepares(self) -> bool:
        """Whether a job of its own prepares the data, so that this machine need not."""
        return self._profile.prepare == "job"

    def run(self, cells: Sequence[Cell], on_event: OnEvent) -> None:
        """Run all cells. After an interrupt the jobs go on: they may have waited for days."""
        by_name = {name_of(cell): cell for cell in cells}
        with hold(self._store.lock_path("queue", ENGINE)):
            watched = self._queued(by_name)
            known = {name for one in watched for name in one.cells}
            left = [cell for name, cell in by_name.items() if name not in known]
            batches = in_batches(left, self._profile.cells_per_job)
            first = self._prepare(left) if self.prepares and left else None
            watched += self._hand_in(batches, first)
        if self._context.detach:
            self._leave(watched, batches, on_event)
            return
        self._wait(watched, batches, first, on_event)

    # --- handing in ---

    def _queued(self, cells: Mapping[str, Cell]) -> list[Watched]:
        """The jobs of earlier commands that still hold some of the cells."""
        submissions, _ = self._queue.submissions()
        ours = [one for one in submissions if one.engine == ENGINE]
        states = squeue.job_states(job.id for one in ours for job in one.jobs)
        found: list[Watched] = []
        for one in ours:
            reporting = one.reporting()
            for job in one.jobs:
                if not squeue.is_alive(states[job.id]):
                    continue
                said = one.reports(job) if job.number in reporting else {}
                over = {name for name, cell in said.items() if cell.state == "ended"}
                mine = {cell.name for cell in job.cells if cell.name in cells} - over
                if mine:
                    found.append(Watched(job, one, {name: cells[name] for name in sorted(mine)}))
        return found

    def _prepare(self, cells: Sequence[Cell]) -> str:
        """Hand in the job that prepares the data; returns its number."""
        from submitit.core.utils import FailedJobError

        folder = self._queue.new_folder()
        executor = self._submitit(folder, "bench-prepare", None)
        try:
            number = str(executor.submit(Preparation(tuple(cells), self._context.cache)).job_id)
        except FailedJobError as error:
            self._queue.forget(Submission(folder, ENGINE, 0.0, ()))
            raise _explained(error) from error
        jobs = [Job(id=number, number=0, cells=())]
        self._queue.note(folder, ENGINE, getpass.getuser(), jobs)
        return number

    def _hand_in(self, batches: list[tuple[Cell, ...]], first: str | None) -> list[Watched]:
        """Hand in as many batches as the queue takes, and take them out of the list."""
        watched: list[Watched] = []
        size = MOST_JOBS_OF_AN_ARRAY
        while batches:
            room = squeue.room()
            chosen = batches[: size if room is None else min(size, room)]
            if not chosen:
                break
            try:
                watched += self._hand_in_array(chosen, first)
            except _Refused as refused:
                if len(chosen) == 1 or refused.after_waiting:
                    break
                size = len(chosen) // 2
            else:
                del batches[: len(chosen)]
        return watched

    def _hand_in_array(
        self, batches: Sequence[tuple[Cell, ...]], first: str | None
    ) -> list[Watched]:
        from submitit.core.utils import FailedJobError

        folder = self._queue.new_folder()
        executor = self._submitit(folder, "bench", first)
        work = [
            Batch(cells, self._context, report_path(folder, number))
            for number, cells in enumerate(batches)
        ]
        try:
            with executor.batch():
                handed = [executor.submit(one) for one in work]
            numbers = [str(one.job_id) for one in handed]
        except FailedJobError as error:
            self._queue.forget(Submission(folder, ENGINE, 0.0, ()))
            raise (_refusal(error) or _explained(error)) from error
        jobs = as_jobs(numbers, batches)
        submission = self._queue.note(folder, ENGINE, getpass.getuser(), jobs)
        return [
            Watched(job, submission, {name_of(cell): cell for cell in cells})
            for job, cells in zip(jobs, batches, strict=True)
        ]

    def _submitit(self, folder: Path, name: str, first: str | None) -> Any:  # noqa: ANN401
        """An executor of submitit, told what the profile says. submitit has no types."""
        from submitit.slurm.slurm import SlurmExecutor as Submitit

        one = self._profile
        executor = Submitit(folder / "jobs", max_num_timeout=one.requeues, python=one.python)
        asked = {
            "partition": one.partition,
            "account": one.account,
            "qos": one.qos,
            "constraint": one.constraint,
            "gres": one.gres,
            "gpus_per_node": one.gpus or None,
            "dependency": None if first is None else f"afterany:{first}",
            "setup": one.setup or None,
            "additional_parameters": one.parameters or None,
        }
        executor.update_parameters(
            job_name=name,
            time=one.time_minutes,
            cpus_per_task=one.cpus,
            mem=f"{max(1, round(one.memory_gb * 1024))}MB",
            signal_delay_s=one.signal_seconds,
            array_parallelism=self._jobs_at_once,
            **{key: value for key, value in asked.items() if value is not None},
        )
        return executor

    # --- waiting ---

    def _leave(
        self, watched: Sequence[Watched], left: Sequence[tuple[Cell, ...]], on_event: OnEvent
    ) -> None:
        """End all cells for this command; the jobs go on."""
        for one in watched:
            one.leave(f"Slurm job {one.job.id}", on_event)
        for cell in (cell for batch in left for cell in batch):
            on_event(Event("start", cell))
            reason = "the queue takes no more jobs now; give the same command again later"
            on_event(Event("end", cell, status="unrecorded", reason=reason))

    def _wait(
        self,
        watched: list[Watched],
        batches: list[tuple[Cell, ...]],
        first: str | None,
        on_event: OnEvent,
    ) -> None:
        tried = time.monotonic()
        while watched or batches:
            self._look(watched, on_event)
            watched[:] = [one for one in watched if one.cells]
            if batches and (not watched or time.monotonic() - tried > FULL_AGAIN_S):
                tried = time.monotonic()
                with hold(self._store.lock_path("queue", ENGINE)):
                    watched += self._hand_in(batches, first)
            if watched or batches:
                time.sleep(self._profile.poll_seconds)

    def _look(self, watched: Sequence[Watched], on_event: OnEvent) -> None:
        """Ask Slurm once for all jobs, and read what those have said that have begun."""
        reporting = _reporting(watched)
        try:
            states = squeue.job_states(one.job.id for one in watched)
        except squeue.NoAnswer as error:
            for one in watched:
                if one.place in reporting:
                    one.tell(on_event)
                one.tell_all(f"waiting for Slurm: {in_words(error)}", on_event)
            return
        for one in watched:
            state = states[one.job.id]
            if one.place in reporting or not squeue.is_alive(state):
                one.tell(on_event)
            if squeue.is_alive(state) or not one.cells:
                one.ended_at = None
            elif one.ended_at is None:
                one.ended_at = time.monotonic()
            elif time.monotonic() - one.ended_at > LAST_WORDS_S:
                log = one.submission.logs().get(one.job.id)
                where = f"; log: {log}" if log else ""
                reason = f"Slurm job {one.job.id} ended as {state}{where}"
                one.bury(self._context, _KINDS.get(state, "killed"), reason, on_event)


def _reporting(watched: Sequence[Watched]) -> set[tuple[Path, int]]:
    """The places of the jobs that have said anything: one look at the folder of a submission."""
    submissions = {one.submission.folder: one.submission for one in watched}
    return {(place, number) for place, one in submissions.items() for number in one.reporting()}


class _Refused(Exception):
    """The queue is full, or the array is too large for it: fewer may pass, now or later.

    Attributes:
        after_waiting: sbatch has tried for two minutes already, so fewer are not tried at once.
    """

    def __init__(self, *, after_waiting: bool) -> None:
        super().__init__()
        self.after_waiting = after_waiting


def _refusal(error: Exception) -> _Refused | None:
    """That fewer jobs may pass, now or later; None where none ever will."""
    if "temporarily" in str(error) or "queue full" in str(error):
        return _Refused(after_waiting=True)
    limits = ("Invalid job array specification", "submit limit", "SubmitJobLimit", "MaxSubmit",
              "QOSMax")  # fmt: skip
    return _Refused(after_waiting=False) if any(one in str(error) for one in limits) else None


def _explained(error: Exception) -> RunError:
    said = str(error).splitlines()
    lines = [one for one in said if "error" in one.lower()] or said or ["without a word"]
    return RunError(
        f"sbatch refused the jobs: {lines[-1]}", hint="see the profile (--profile FILE) and `sinfo`"
    )
