"""Executors: one interface to run cells here, or elsewhere, and a table of them by name.

A new executor is one file with a class like `Executor`. The executors of bench are named in
`table.BUILT_IN`; another package names its own by an entry point of the group
``bench.executors``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.execution.context import RunContext
from bench.planning.plan import Cell


@dataclass(frozen=True)
class Event:
    """Something that happened to a cell.

    Attributes:
        kind: ``start``, ``progress`` or ``end``; ``retry`` where a cell that ended is run again.
        phase: what the cell is doing, with ``done`` of ``total``.
        status: at the end: the record's status; ``unrecorded`` where none could be written;
            ``queued`` where a queue has it and nobody waits for it.
        reason: why a cell was skipped or failed.
    """

    kind: Literal["start", "progress", "end", "retry"]
    cell: Cell
    phase: str = ""
    done: int = 0
    total: int = 0
    status: str = ""
    reason: str = ""


OnEvent = Callable[[Event], None]


class Executor(Protocol):
    """Runs cells; returns when all have ended.

    A cell is run by `bench.execution.run.run_cell`, in whatever process the executor chooses,
    and leaves its record in the store at ``context.results``. Both the context and a cell can be
    pickled.

    Two attributes may be left out. ``queues`` is true of a class that hands cells to a queue, and
    so takes ``context.profile`` and ``context.detach``. ``prepares`` is true of an executor that
    prepares the data itself; else it is prepared before `run`.
    """

    def __init__(self, context: RunContext, jobs: int | None) -> None:
        """Prepare to run cells.

        Args:
            context: where cells read and write, and how they run.
            jobs: cells at once, 1 or more; None leaves it to the executor.
        """

    def run(self, cells: Sequence[Cell], on_event: OnEvent) -> None:
        """Run all cells. A cell's failure is an event, never an exception.

        Args:
            cells: in the order to start them.
            on_event: called in this process: once with ``start`` and once with ``end`` for each
                cell, and with ``progress`` in between.
        """
