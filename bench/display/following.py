"""What is known of a run while it goes on, and the words for it; how it is shown is another's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from bench.display.time_left import Clock, Name, Pace, TimeLeft, name_of
from bench.executors import Event, FilesEvent
from bench.metrics.table import METRICS, title_of
from bench.planning.plan import Cell


@dataclass
class Running:
    """A cell that runs.

    Attributes:
        phase: what it is doing, with ``done`` of ``total``.
        values: what its detector logged last.
        started: seconds, of the display's clock.
    """

    cell: Cell
    started: float
    phase: str = "starting"
    done: int = 0
    total: int = 0
    values: dict[str, float] = field(default_factory=dict)


@dataclass
class Files:
    """Work on files that goes on.

    Attributes:
        total: 0 where it is not known.
    """

    phase: str
    pace: Pace
    done: int = 0
    total: int = 0


class Display:
    """Follows a run and shows nothing; classes that derive from it show it in their way.

    Args:
        cells: all that will run.
        verbose: also tell when cells start and change what they do.
        clock: seconds.
    """

    def __init__(
        self, cells: Sequence[Cell] = (), *, verbose: bool = False, clock: Clock = time.monotonic
    ) -> None:
        self.total = len(cells)
        self.ended = 0
        self.running: dict[Name, Running] = {}
        self.work: Files | None = None
        self._clock = clock
        self._verbose = verbose
        self._left = TimeLeft(cells, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop showing."""

    # --- what is told ---

    def files(self, done: int, total: int, phase: str) -> None:
        """Progress of work before any cell starts; a total of 0 is not known."""
        before = self.work
        goes_on = before is not None and before.phase == phase
        work = before if before is not None and goes_on else Files(phase, Pace(self._clock))
        work.done, work.total = done, total
        work.pace.take(done, total)
        self.work = None if total and done >= total else work
        self._show_files(work, began=not goes_on)

    def cell(self, event: Event) -> None:
        """Progress of one cell."""
        self.work = None
        self._left.take(event)
        name = name_of(event.cell)
        if event.kind == "start":
            self.running[name] = Running(event.cell, self._clock())
            if self._verbose:
                self._say(f"{event.cell.label}: started")
            self._show_cell(self.running[name])
        elif event.kind in ("end", "retry"):
            running = self.running.pop(name, Running(event.cell, self._clock()))
            self.ended += event.kind == "end"
            self._say(self._end_line(event, self._clock() - running.started))
            self._drop_cell(running)
        elif name in self.running:
            self._update(self.running[name], event)
            self._show_cell(self.running[name])

    def _update(self, running: Running, event: Event) -> None:
        if event.kind == "values":
            running.values.update(event.values)
            if self._verbose:
                values = value_words(event.values)
                self._say(f"{event.cell.label}: step {event.step}: {values}")
            return
        if self._verbose and event.phase != running.phase:
            self._say(f"{event.cell.label}: {event.phase}")
        running.phase, running.done, running.total = event.phase, event.done, event.total

    # --- what is said of it ---

    def files_line(self, work: Files) -> str:
        """Such as ``preparing subjects 12 of 64, about 20 s left``."""
        count = f" {work.done} of {work.total}" if work.total else ""
        left = work.pace.left() if work.done < work.total else None
        return f"{work.phase}{count}{left_words(left)}"

    def all_line(self) -> str:
        """Such as ``3 of 24 cells done, about 6 min left``."""
        left = left_words(self._left.of_all()) if self.ended < self.total else ""
        cells = "cell" if self.total == 1 else "cells"
        return f"{self.ended} of {self.total} {cells} done{left}"

    def cell_line(self, running: Running) -> str:
        """Such as ``ae on phantom/ms-t2, seed 0: fit 231 of 400, loss 0.0123, about 9 s left``."""
        count = f" {running.done} of {running.total}" if running.total > 1 else ""
        values = f", {value_words(running.values)}" if running.values else ""
        left = left_words(self._left.of_cell(running.cell))
        return f"{running.cell.label}: {running.phase}{count}{values}{left}"

    def _end_line(self, event: Event, seconds: float) -> str:
        reason = f": {event.reason}" if event.reason else ""
        if event.kind == "retry":
            return f"{event.cell.label}: {event.status}, run again{reason}"
        values = f", {value_words(event.values)}" if event.values else ""
        number = f"[{self.ended}/{self.total}] " if self.total else ""
        took = "" if event.status == "queued" else f" in {seconds:.0f} s"
        return f"{number}{event.cell.label}: {event.status}{took}{values}{reason}"

    # --- how it is shown ---

    def _say(self, line: str) -> None:
        """Show a line that stays."""

    def _show_files(self, work: Files, *, began: bool) -> None:
        """Show how work on files goes on."""

    def _show_cell(self, running: Running) -> None:
        """Show how a cell goes on."""

    def _drop_cell(self, running: Running) -> None:
        """Show a cell no more."""


class Told(Display):
    """Hands every event to a function; nothing is shown.

    Args:
        callback: gets `Event` and `FilesEvent`.
        cells: all that will run.
    """

    def __init__(
        self, callback: Callable[[Event | FilesEvent], None], cells: Sequence[Cell] = ()
    ) -> None:
        super().__init__(cells)
        self._callback = callback

    def files(self, done: int, total: int, phase: str) -> None:
        """Hand it on."""
        self._callback(FilesEvent(phase, done, total))

    def cell(self, event: Event) -> None:
        """Hand it on."""
        self._callback(event)


def duration(seconds: float) -> str:
    """A time in words, as exact as an estimate deserves: ``12 s``, ``4 min``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(round(seconds / 600) * 10, 60)
    return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"


def left_words(seconds: float | None) -> str:
    """The end of a line: how much time is left, as far as that is known."""
    return "" if seconds is None else f", about {duration(seconds)} left"


def value_words(values: Mapping[str, float]) -> str:
    """Values as lines show them; the metrics of bench by their titles, in percent."""
    return ", ".join(
        f"{title_of(name)} {100 * value:.1f} %" if name in METRICS else f"{name} {value:.4g}"
        for name, value in values.items()
    )
