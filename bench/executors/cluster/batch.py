"""What runs inside a job of a queue: some cells, one after another."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cores import usable_cores
from bench.execution.context import RunContext
from bench.executors import Event
from bench.executors.cluster.reports import CellReport, JobReport, name_of
from bench.executors.local import LocalExecutor
from bench.executors.warming import warm_cache
from bench.planning.plan import Cell

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


@dataclass(frozen=True)
class Batch:
    """A job: its cells run in processes of their own, as on a single machine.

    A job that is put back into the queue runs this again: cells that have ended are left out,
    and a fit that was interrupted goes on from its checkpoint.
    """

    cells: tuple[Cell, ...]
    context: RunContext
    report: Path

    def __call__(self) -> None:
        """Run the cells that have not ended yet."""
        report = JobReport(self.report)

        def listen(event: Event) -> None:
            name = name_of(event.cell)
            if event.kind == "end":
                ended = CellReport(
                    "ended", status=event.status, reason=event.reason, values=dict(event.values)
                )
                report.note(name, ended)
            elif event.kind == "values":
                report.note_values(name, event.step, event.values)
            else:
                running = CellReport("running", event.phase or "starting", event.done, event.total)
                report.note(name, running)

        left = [cell for cell in self.cells if not report.ended(name_of(cell))]
        with _interrupted_by_the_queue():
            LocalExecutor(self.context, jobs=1).run(left, listen)

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit before the queue ends the job: what to put back into the queue."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@dataclass(frozen=True)
class Preparation:
    """The first job: prepares the data of all cells, so that no two jobs do it at once."""

    cells: tuple[Cell, ...]
    cache: Path

    def __call__(self) -> None:
        """Prepare; a subject that cannot be prepared fails its cells later, with the reason."""
        warm_cache(self.cells, self.cache, usable_cores(), lambda done, total, note: None)

    def checkpoint(self) -> DelayedSubmission:
        """What is prepared already is found in the cache."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@contextmanager
def _interrupted_by_the_queue() -> Iterator[None]:
    """A job that the queue ends stops its cells and records nothing: they will run again."""
    if threading.current_thread() is not threading.main_thread():  # in a task of Ray
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def in_batches(cells: Sequence[Cell], size: int) -> list[tuple[Cell, ...]]:
    """Put cells together for jobs; cells that share a fit share a job, so it is trained once.

    Args:
        cells: in the order to start them.
        size: cells of a job; a fit with more cells makes a longer job.
    """
    by_fit: dict[str, list[Cell]] = {}
    for cell in cells:
        by_fit.setdefault(cell.fit.key, []).append(cell)
    batches: list[list[Cell]] = []
    for group in by_fit.values():
        if batches and len(batches[-1]) + len(group) <= size:
            batches[-1].extend(group)
        else:
            batches.append(list(group))
    return [tuple(one) for one in batches]
