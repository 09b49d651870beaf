"""Bars in a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from bench.display.following import Display, Files, Running, duration, value_words
from bench.display.time_left import Clock, Name, name_of
from bench.planning.plan import Cell

WIDE = 110
BAR = 8
WIDE_BAR = 24


class _Left(ProgressColumn):
    """How much time is left, counted down between two events."""

    def render(self, task: Task) -> Text:
        seconds = task.fields["left"]()
        return Text("" if seconds is None else f"{duration(seconds)} left")


class Bars(Display):
    """One bar for all cells, and one for each cell that runs.

    Args:
        cells: all that will run.
        verbose: also tell when cells start and change what they do.
        clock: seconds.
        console: where to draw; None means stderr.
    """

    def __init__(
        self,
        cells: Sequence[Cell] = (),
        *,
        verbose: bool = False,
        clock: Clock = time.monotonic,
        console: Console | None = None,
    ) -> None:
        super().__init__(cells, verbose=verbose, clock=clock)
        console = console or Console(file=sys.stderr)
        name = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        plain = Column(no_wrap=True)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False, table_column=name),
            TextColumn("{task.fields[values]}", markup=False, table_column=plain),
            BarColumn(bar_width=WIDE_BAR if console.width >= WIDE else BAR),
            TextColumn("{task.fields[count]}", table_column=plain),
            _Left(table_column=plain),
            console=console,
            transient=True,
            expand=True,
        )
        self._of_cells: dict[Name, TaskID] = {}
        self._of_files: TaskID | None = None
        self._of_all: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        if self.total:
            self._of_all = self._add("cells", self.total, self._left.of_all)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bars away; the lines stay."""
        self._bars.stop()

    def _say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _show_files(self, work: Files, *, began: bool) -> None:
        if began or self._of_files is None:
            self._drop_files()
            self._of_files = self._add(work.phase, work.total or None, work.pace.left)
        self._set(self._of_files, work.done, work.total)
        if self.work is None:
            self._drop_files()

    def _show_cell(self, running: Running) -> None:
        self._drop_files()
        name = name_of(running.cell)
        if name not in self._of_cells:
            self._of_cells[name] = self._add(
                running.cell.label, None, lambda: self._left.of_cell(running.cell)
            )
        task = self._of_cells[name]
        self._bars.update(
            task,
            description=f"{running.phase}: {running.cell.label}",
            values=value_words(running.values),
        )
        self._set(task, running.done, running.total)

    def _drop_cell(self, running: Running) -> None:
        task = self._of_cells.pop(name_of(running.cell), None)
        if task is not None:
            self._bars.remove_task(task)
        if self._of_all is not None:
            self._set(self._of_all, self.ended, self.total)

    def _drop_files(self) -> None:
        if self._of_files is not None:
            self._bars.remove_task(self._of_files)
            self._of_files = None

    def _add(self, words: str, total: int | None, left: Callable[[], float | None]) -> TaskID:
        return self._bars.add_task(
            words, total=total, left=left, values="", count=f"0/{total}" if total else ""
        )

    def _set(self, task: TaskID, done: int, total: int) -> None:
        self._bars.update(
            task,
            completed=done,
            total=total or None,
            count=f"{done}/{total}" if total > 1 else "",
        )
