"""Executors: one interface to run cells here, or elsewhere, and a table of them by name.

A new executor is one file with a class like `Executor`. The executors of bench are named in
`table.BUILT_IN`; another package names its own by an entry point of the group
``bench.executors``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bench.execution.context import RunContext
from bench.planning.plan import Cell


@dataclass(frozen=True)
class Event:
    """Something that happened to a cell.

    Attributes:
        kind: ``start``, ``progress``, ``values`` or ``end``; ``retry`` where a cell that ended is
            run again.
        phase: what the cell is doing, with ``done`` of ``total``.
        values: what the detector logs after `step` steps, such as its loss; at the end of a done
            cell the value of the task's headline metric, from 0 to 1.
        status: at the end: the record's status; ``unrecorded`` where none could be written;
            ``queued`` where a queue has it and nobody waits for it.
        reason: why a cell was skipped or failed.
    """

    kind: Literal["start", "progress", "values", "end", "retry"]
    cell: Cell
    phase: str = ""
    done: int = 0
    total: int = 0
    status: str = ""
    reason: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    step: int = 0


@dataclass(frozen=True)
class FilesEvent:
    """Work on files before any cell starts.

    Attributes:
        phase: what is being done, such as ``preparing subjects``, with ``done`` of ``total``;
            a ``total`` of 0 is not known.
    """

    phase: str
    done: int = 0
    total: int = 0
    kind: Literal["files"] = "files"


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
        """Prepare to run cells; called before any file is read.

        Args:
            context: where cells read and write, and how they run. The executor holds its limits
                of time and memory and each budget's ``timeout_minutes``, or refuses them here.
            jobs: cells at once, 1 or more; None leaves it to the executor.

        Raises:
            BenchError: something that it needs is missing, or it cannot do what is asked.
        """

    def run(self, cells: Sequence[Cell], on_event: OnEvent) -> None:
        """Run all cells. A cell's failure is an event, never an exception.

        Args:
            cells: in the order to start them.
            on_event: called in this process: once with ``start`` and once with ``end`` for each
                cell, and with ``progress`` and ``values`` in between.
        """
