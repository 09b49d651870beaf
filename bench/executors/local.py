"""Runs cells on this machine, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from multiprocessing import connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from bench.cores import usable_cores
from bench.errors import in_words
from bench.execution.context import RunContext
from bench.execution.entry import SERVED, work
from bench.execution.memory import tree_bytes
from bench.executors import Event, OnEvent
from bench.executors.deaths import record_death
from bench.planning.plan import Cell
from bench.store.records import ErrorClass

GPU_FOLDER = Path("/proc/driver/nvidia/gpus")
LAST_WORDS_S = 30.0
ENDS_A_JOB = (signal.SIGTERM, signal.SIGUSR2)
ENDED_TOGETHER_S = 5.0
MEMORY_EVERY_S = 0.5


def worker_context() -> BaseContext:
    """How workers start: forked from a server with the imports done; spawned on macOS.

    OpenMP and BLAS would start threads while the server imports them, and a fork with threads
    is not safe; they are told to start one. A worker sets its own number before its first use.
    """
    if sys.platform == "darwin":
        return multiprocessing.get_context("spawn")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([SERVED])
    return context


def gpus() -> list[str]:
    """Names of the GPUs that this run may use: those it was given, else all of the machine."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [one.strip() for one in given.split(",") if one.strip()]
    return [str(at) for at in range(len(list(GPU_FOLDER.iterdir())))] if GPU_FOLDER.is_dir() else []


@dataclass
class _Job:
    cell: Cell
    process: BaseProcess
    channel: connection.Connection
    deadline: float
    slot: int
    fitted: bool = False
    ended: bool = False


class LocalExecutor:
    """Runs up to ``jobs`` cells at once. Two cells with one fit wait for each other's fit.

    Args:
        context: where cells read and write, and how they run.
        jobs: processes at once; None takes as many as the cores allow at the cells' threads.
    """

    def __init__(self, context: RunContext, jobs: int | None) -> None:
        self._context = context
        self._wanted_jobs = jobs
        self._jobs = 1
        self._gpus = gpus()
        self._weighed = 0.0

    @cached_property
    def _processes(self) -> BaseContext:
        return worker_context()

    def run(self, cells: Sequence[Cell], on_event: OnEvent) -> None:
        """Run all cells; a cell that dies takes no other with it."""
        threads = max((cell.fit.budget.threads for cell in cells), default=1)
        self._jobs = self._wanted_jobs or max(1, usable_cores() // threads)
        waiting = list(cells)
        running: list[_Job] = []
        try:
            while waiting or running:
                self._start_ready(waiting, running, on_event)
                # The sentinel too: a child of a dead worker may hold the channel open.
                places = [one for job in running for one in (job.channel, job.process.sentinel)]
                ready = connection.wait(places, timeout=1.0) if places else []
                for job in running:
                    if job.channel in ready:
                        self._listen(job, on_event)
                    elif job.process.sentinel in ready:
                        self._bury(job, on_event)
                self._stop_overdue(running, on_event)
                self._stop_oversized(running, on_event)
                for job in [job for job in running if job.ended]:
                    job.process.join(LAST_WORDS_S)
                    _stop(job.process)
                    job.channel.close()
                    running.remove(job)
        finally:
            for job in running:
                job.process.terminate()
            for job in running:
                _stop(job.process)

    def _start_ready(self, waiting: list[Cell], running: list[_Job], on_event: OnEvent) -> None:
        for cell in list(waiting):
            if len(running) >= self._jobs:
                return
            busy = {job.cell.fit.key for job in running if not job.fitted}
            if cell.fit.key in busy:
                continue
            waiting.remove(cell)
            free = set(range(self._jobs)) - {job.slot for job in running}
            on_event(Event("start", cell))
            try:
                running.append(self._start(cell, min(free)))
            except OSError as error:  # no process or file left on this machine
                reason = f"no worker could be started: {error.strerror or error}"
                self._record_failure(cell, "killed", reason, on_event)

    def _start(self, cell: Cell, slot: int) -> _Job:
        ours, theirs = self._processes.Pipe(duplex=False)
        gpu = self._gpus[slot % len(self._gpus)] if len(self._gpus) > 1 else None
        process = self._processes.Process(  # type: ignore[attr-defined]
            target=work, args=(cell, self._context, theirs, gpu)
        )
        try:
            process.start()
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._weighed = 0.0  # a short cell is weighed once at least
        deadline = time.monotonic() + 60 * min(self._time_limits(cell))
        return _Job(cell, process, ours, deadline, slot)

    def _time_limits(self, cell: Cell) -> dict[float, str]:
        """Minutes that a cell may run, and in words."""
        budget, given = cell.fit.budget.timeout_minutes, self._context.time_limit_minutes
        limits = {budget: f"the budget's {budget:g} minutes"}
        if given is not None:
            limits[given] = f"the {given:g} minutes of --time-limit"
        return limits

    def _listen(self, job: _Job, on_event: OnEvent) -> None:
        try:
            kind, *content = job.channel.recv()
            if kind == "progress":
                phase, done, total = content
                event = Event("progress", job.cell, phase=phase, done=done, total=total)
            elif kind == "values":
                step, values = content
                event = Event("values", job.cell, step=step, values=values)
            else:
                status, reason, values = content
                event = Event("end", job.cell, status=status, reason=reason, values=values)
        except (EOFError, OSError):
            self._bury(job, on_event)
            return
        except Exception as error:  # a method wrote into the channel: any error of unpickling
            _stop(job.process)
            reason = f"the worker sent what is not a message: {in_words(error)}"
            self._record_death(job, "killed", reason, on_event)
            return
        job.fitted = job.fitted or event.phase == "fitted"
        job.ended = event.kind == "end"
        on_event(event)

    def _bury(self, job: _Job, on_event: OnEvent) -> None:
        """Record a worker that died without a word."""
        job.process.join(LAST_WORDS_S)
        _stop(job.process)
        code = job.process.exitcode or 0
        if -code in ENDS_A_JOB:
            # Who ends a whole job sends this to all of its processes. If this one gets it too, it
            # is interrupted here, and the cell has not failed.
            time.sleep(ENDED_TOGETHER_S)
        how = signal_name(-code) if code < 0 else f"exit code {code}"
        hint = "; perhaps the machine ran out of memory" if code == -signal.SIGKILL else ""
        self._record_death(job, "killed", f"the worker died ({how}){hint}", on_event)

    def _stop_overdue(self, running: list[_Job], on_event: OnEvent) -> None:
        for job in running:
            if not job.ended and time.monotonic() > job.deadline:
                _stop(job.process)
                limits = self._time_limits(job.cell)
                reason = f"stopped after {limits[min(limits)]}"
                self._record_death(job, "timeout", reason, on_event)

    def _stop_oversized(self, running: list[_Job], on_event: OnEvent) -> None:
        limit, now = self._context.memory_limit_gb, time.monotonic()
        if limit is None or now - self._weighed < MEMORY_EVERY_S:
            return
        self._weighed = now
        for job in running:
            taken = 0.0 if job.ended else tree_bytes(job.process.pid or 0) / 1e9
            if taken > limit:
                _stop(job.process)
                held = f"its processes held {taken:.2f} GB"
                reason = f"stopped: {held}, more than --memory-limit {limit:g}"
                self._record_death(job, "out_of_memory", reason, on_event)

    def _record_death(self, job: _Job, kind: ErrorClass, reason: str, on_event: OnEvent) -> None:
        job.ended = True
        self._record_failure(job.cell, kind, reason, on_event)

    def _record_failure(self, cell: Cell, kind: ErrorClass, reason: str, on_event: OnEvent) -> None:
        status, reason = record_death(cell, self._context, kind, reason)
        on_event(Event("end", cell, status=status, reason=reason))


def signal_name(number: int) -> str:
    """Name of a signal; real-time signals have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _stop(process: BaseProcess) -> None:
    """End a worker and all below it; one that does not end by itself is killed."""
    if process.exitcode is None:
        process.terminate()
        process.join(LAST_WORDS_S)
    process.kill()  # does nothing to one that has ended
    process.join()
