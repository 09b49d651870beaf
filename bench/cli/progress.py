"""Progress on stderr: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from bench.executors import Event


LINE_EVERY_S = 10.0


class CellProgress:
    """Shows how files and cells get on.

    Args:
        total: number of cells that will run.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0
        self._started: dict[str, float] = {}
        self._last_line = time.monotonic()
        self._bars: dict[str, TaskID] = {}
        self._rich: Progress | None = None
        if sys.stderr.isatty():
            self._rich = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def __enter__(self) -> Self:
        if self._rich:
            self._rich.start()
            self._bars["all"] = self._rich.add_task("cells", total=self._total)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._rich:
            self._rich.stop()

    def files(self, done: int, total: int, note: str) -> None:
        """Progress of work on files before any cell starts."""
        if self._rich:
            if note not in self._bars:
                self._bars[note] = self._rich.add_task(note, total=total)
            self._rich.update(self._bars[note], completed=done, total=total)
            if done >= total:
                self._rich.remove_task(self._bars.pop(note))
        elif done >= total or time.monotonic() - self._last_line > LINE_EVERY_S:
            self._say(f"{note}: {done}/{total}")

    def cell(self, event: Event) -> None:
        """Progress of one cell."""
        key, label = _name(event), event.cell.label
        if event.kind == "start":
            self._started[key] = time.monotonic()
            if self._rich:
                self._bars[key] = self._rich.add_task(label, total=None)
        elif event.kind == "progress":
            if self._rich:
                self._rich.update(
                    self._bars[key],
                    description=f"{label}: {event.phase}",
                    completed=event.done,
                    total=event.total,
                )
            elif time.monotonic() - self._last_line > LINE_EVERY_S:
                self._say(f"{label}: {event.phase} {event.done}/{event.total}")
        elif event.kind == "retry":
            self._say(f"{label}: {event.status}, run again: {event.reason}")
            if self._rich:
                self._rich.remove_task(self._bars.pop(key))
        else:
            self._end(event)

    def _end(self, event: Event) -> None:
        self._ended += 1
        seconds = time.monotonic() - self._started[_name(event)]
        reason = f": {event.reason}" if event.reason else ""
        self._say(
            f"[{self._ended}/{self._total}] {event.cell.label}: {event.status} "
            f"in {seconds:.0f} s{reason}"
        )
        if self._rich:
            self._rich.remove_task(self._bars.pop(_name(event)))
            self._rich.update(self._bars["all"], completed=self._ended)

    def _say(self, line: str) -> None:
        self._last_line = time.monotonic()
        if self._rich:
            self._rich.console.print(line, markup=False, highlight=False)
        else:
            with suppress(OSError):  # a stderr that is full must not end the cells
                print(line, file=sys.stderr, flush=True)


def _name(event: Event) -> str:
    """Two tasks on one set of images share a cell key."""
    return f"{event.cell.task} {event.cell.key}"
