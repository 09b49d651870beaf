"""Plain lines with the time of day, for logs and pipes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from bench.display.following import Display, Files, Running
from bench.display.time_left import Clock
from bench.planning.plan import Cell

LINE_EVERY_S = 10.0
SELDOM_S = 300.0
SHARE_OF_ELAPSED = 0.05


class Lines(Display):
    """Prints what ends, and now and then how the rest gets on: the longer it takes, the rarer.

    Args:
        cells: all that will run.
        verbose: also tell when cells start and change what they do.
        clock: seconds.
    """

    def __init__(
        self, cells: Sequence[Cell] = (), *, verbose: bool = False, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(cells, verbose=verbose, clock=clock)
        self._began = self._last_line = clock()

    def _say(self, line: str) -> None:
        self._last_line = self._clock()
        with suppress(OSError):  # a stderr that is full must not end the cells
            print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)

    def _show_files(self, work: Files, *, began: bool) -> None:
        if began or self.work is None or self._is_time():
            self._say(self.files_line(work))

    def _show_cell(self, running: Running) -> None:
        if self._is_time():
            self._say(self.all_line())
            for one in self.running.values():
                self._say(f"  {self.cell_line(one)}")

    def _is_time(self) -> bool:
        now = self._clock()
        every = SHARE_OF_ELAPSED * (now - self._began)
        return now - self._last_line >= max(LINE_EVERY_S, min(SELDOM_S, every))
