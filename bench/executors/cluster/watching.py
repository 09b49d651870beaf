"""A job that is waited for: what it says becomes events, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.execution.context import RunContext
from bench.executors import Event, OnEvent
from bench.executors.cluster.queue import Job, Submission, queued_cell
from bench.executors.cluster.reports import CellReport, name_of
from bench.executors.deaths import record_death
from bench.planning.plan import Cell
from bench.store.records import ErrorClass


@dataclass
class Watched:
    """A job, with those of its cells that were asked for and have not ended.

    Attributes:
        job: as the queue's file names it.
        submission: that it is part of.
        cells: by name; a cell that has ended is taken out.
        ended_at: when the engine first said that the job is over (monotonic); None while it runs.
    """

    job: Job
    submission: Submission
    cells: dict[str, Cell]
    ended_at: float | None = None
    _started: set[str] = field(default_factory=set)
    _seen: dict[str, CellReport] = field(default_factory=dict)

    @property
    def place(self) -> tuple[Path, int]:
        """What tells jobs apart: the folder of the submission, and the number in it."""
        return self.submission.folder, self.job.number

    def tell(self, on_event: OnEvent) -> None:
        """Pass on what the job has said since the last time."""
        for name, report in self.submission.reports(self.job).items():
            cell = self.cells.get(name)
            before = self._seen.get(name)
            if cell is None or before == report:
                continue
            self._seen[name] = report
            self._begin(cell, on_event)
            if report.state == "ended":
                del self.cells[name]
                how, why = report.status, report.reason
                on_event(Event("end", cell, status=how, reason=why, values=report.values))
                continue
            on_event(Event("progress", cell, report.phase, report.done, report.total))
            if report.values and (before is None or before.step != report.step):
                on_event(Event("values", cell, values=report.values, step=report.step))

    def tell_all(self, phase: str, on_event: OnEvent) -> None:
        """Say the same of all cells that have not ended."""
        for cell in self.cells.values():
            self._begin(cell, on_event)
            on_event(Event("progress", cell, phase))

    def leave(self, reason: str, on_event: OnEvent) -> None:
        """End all cells for this command, which waits no longer; the job goes on."""
        for cell in self.cells.values():
            self._begin(cell, on_event)
            on_event(Event("end", cell, status="queued", reason=reason))
        self.cells.clear()

    def bury(self, context: RunContext, kind: ErrorClass, reason: str, on_event: OnEvent) -> None:
        """Record the cells of a job that is gone and has not ended them itself."""
        for cell in self.cells.values():
            self._begin(cell, on_event)
            status, why = record_death(cell, context, kind, reason)
            on_event(Event("end", cell, status=status, reason=why))
        self.cells.clear()

    def _begin(self, cell: Cell, on_event: OnEvent) -> None:
        name = name_of(cell)
        if name not in self._started:
            self._started.add(name)
            on_event(Event("start", cell))


def as_jobs(names: Sequence[str], batches: Sequence[tuple[Cell, ...]]) -> list[Job]:
    """Name the jobs of a submission, one for each batch, in its order."""
    return [
        Job(id=name, number=number, cells=tuple(queued_cell(cell) for cell in cells))
        for number, (name, cells) in enumerate(zip(names, batches, strict=True))
    ]
