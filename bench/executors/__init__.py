"""Executors: one interface to run cells here, or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.planning.plan import Cell


@dataclass(frozen=True)
class Event:
    """Something that happened to a cell.

    Attributes:
        kind: ``start``, ``progress`` or ``end``.
        phase: what the cell is doing, with ``done`` of ``total``.
        status: at the end: the record's status, or ``unrecorded`` where none could be written.
        reason: why a cell was skipped or failed.
    """

    kind: Literal["start", "progress", "end"]
    cell: Cell
    phase: str = ""
    done: int = 0
    total: int = 0
    status: str = ""
    reason: str = ""


class Executor(Protocol):
    """Runs cells; returns when all have ended."""

    def run(self, cells: Sequence[Cell], on_event: Callable[[Event], None]) -> None:
        """Run all cells. A cell's failure is an event, never an exception."""
