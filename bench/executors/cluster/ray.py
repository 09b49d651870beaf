"""Runs cells as tasks of Ray: on a cluster that runs already, or on one of this machine."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from bench.errors import RunError, in_words
from bench.execution.context import RunContext
from bench.executors import OnEvent
from bench.executors.cluster.batch import Batch, in_batches
from bench.executors.cluster.profile import read_profile
from bench.executors.cluster.queue import Submission, report_path
from bench.executors.cluster.reports import name_of
from bench.executors.cluster.watching import Watched, as_jobs
from bench.installed import command_to_install
from bench.planning.plan import Cell
from bench.store.store import Store

ENGINE = "ray"
ANSWER_S = 10.0
MOST_TASKS = 1000
"""Tasks that Ray has at once, waiting ones included: it holds the cells of each in memory."""


class RayExecutor:
    """Hands cells to Ray and waits for them. An interrupt ends them: Ray has no queue to stay in.

    Args:
        context: where cells read and write, and how they run; its ``address`` is that of a
            cluster that runs already. Its folders must be on a disk that the nodes share.
        jobs: batches at once; None leaves it to Ray, which counts cores, GPUs and memory.

    Raises:
        RunError: Ray is not installed, or cells were to be left in its queue.
        UsageError: the profile does not exist.
        CardError: it is not a profile.
    """

    queues = True

    def __init__(self, context: RunContext, jobs: int | None) -> None:
        try:
            import ray  # noqa: F401 - only to say at once that it is missing
        except ImportError as error:
            raise RunError(
                "the executor 'ray' needs the package ray",
                hint=command_to_install("ray"),
            ) from error
        if context.detach:
            raise RunError(
                "Ray keeps no queue when the command ends, so --detach cannot work with it",
                hint="leave --detach out, or use --executor slurm",
            )
        self._context = context
        self._profile = read_profile(context.profile)
        self._jobs = jobs
        self._store = Store(context.results)

    def run(self, cells: Sequence[Cell], on_event: OnEvent) -> None:
        """Run all cells. A task whose node dies is run again, without the cells that ended."""
        import ray

        batches = in_batches(cells, self._profile.cells_per_job)
        folder = self._store.scratch()  # only this command reads what the tasks say
        jobs = as_jobs([f"{ENGINE}-{number}" for number in range(len(batches))], batches)
        submission = Submission(folder, ENGINE, time.time(), tuple(jobs))
        waiting = deque(
            Watched(job, submission, {name_of(cell): cell for cell in batch})
            for job, batch in zip(jobs, batches, strict=True)
        )
        running: dict[Any, Watched] = {}
        self._connect()
        try:
            task = self._task()
            looked = time.monotonic()
            while waiting or running:
                while waiting and len(running) < (self._jobs or MOST_TASKS):
                    one = waiting.popleft()
                    batch = batches[one.job.number]
                    path = report_path(folder, one.job.number)
                    running[task.remote(Batch(batch, self._context, path))] = one
                ended, _ = ray.wait(list(running), timeout=self._profile.poll_seconds)
                if time.monotonic() - looked > self._profile.poll_seconds or not ended:
                    looked, said = time.monotonic(), submission.reporting()
                    for one in running.values():
                        if one.job.number in said:
                            one.tell(on_event)
                for reference in ended:
                    self._end(reference, running.pop(reference), on_event)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            ray.shutdown()
            shutil.rmtree(folder, ignore_errors=True)  # else the next run sweeps it up

    def _connect(self) -> None:
        import ray

        if self._context.address:
            _require_answer(self._context.address)
        # A worker of Ray has none of our paths: it must find bench and the user's methods.
        paths = os.pathsep.join(one for one in sys.path if one and os.path.isdir(one))
        try:
            ray.init(
                address=self._context.address,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": {"PYTHONPATH": paths}},
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = self._context.address or "this machine"
            raise RunError(
                f"no connection to Ray at {where}: {in_words(error)}",
                hint="ray status says whether it runs; leave --ray-address out to start one here",
            ) from error

    def _task(self) -> Any:  # noqa: ANN401 - Ray's remote functions have no useful type
        import ray

        one = self._profile
        return ray.remote(
            num_cpus=one.cpus,
            num_gpus=one.gpus,
            memory=round(one.memory_gb * 2**30),
            max_retries=one.requeues,
            max_calls=1,  # each task in a process of its own, as a job of a queue
        )(_run_batch)

    def _end(self, reference: Any, one: Watched, on_event: OnEvent) -> None:  # noqa: ANN401
        """A task is over: with its cells recorded, or without a word."""
        import ray

        reason = f"Ray task {one.job.id} ended without a word"
        try:
            ray.get(reference)
        except ray.exceptions.RayError as error:
            reason = f"Ray task {one.job.id} died: {in_words(error)}"
        one.tell(on_event)
        one.bury(self._context, "killed", reason, on_event)


def _require_answer(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would try for minutes."""
    place = urlsplit(address if "//" in address else f"//{address}")
    try:
        host, port = place.hostname, place.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        raise RunError(f"--ray-address {address!r} is not HOST:PORT", hint="ray status")
    try:
        socket.create_connection((host, port), timeout=ANSWER_S).close()
    except OSError as error:
        raise RunError(
            f"no connection to Ray at {address}: {error.strerror or error}",
            hint="ray status says whether it runs; leave --ray-address out to start one here",
        ) from error


def _run_batch(batch: Batch) -> None:
    batch()
