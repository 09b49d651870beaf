"""One block of text in a notebook that is written again as the run goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from html import escape
from types import TracebackType
from typing import Any, Self

from bench.display.following import Display, Files, Running
from bench.display.time_left import Clock
from bench.planning.plan import Cell

WRITE_EVERY_S = 0.25


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which can write an output again."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


class Block(Display):
    """Shows what ended and what runs; ipywidgets are not needed.

    Args:
        cells: all that will run.
        verbose: also tell when cells start and change what they do.
        clock: seconds.
    """

    def __init__(
        self, cells: Sequence[Cell] = (), *, verbose: bool = False, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(cells, verbose=verbose, clock=clock)
        self._lines: list[str] = []
        self._written = float("-inf")
        self._handle: Any = None

    def __enter__(self) -> Self:
        from IPython.display import display

        self._handle = display(self._content(), display_id=True, raw=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the lines that stay."""
        self.running.clear()
        self._write(at_once=True)

    def _say(self, line: str) -> None:
        self._lines.append(line)
        self._write(at_once=True)

    def _show_files(self, work: Files, *, began: bool) -> None:
        self._write(at_once=began)

    def _show_cell(self, running: Running) -> None:
        self._write()

    def _write(self, *, at_once: bool = False) -> None:
        now = self._clock()
        if self._handle is not None and (at_once or now - self._written >= WRITE_EVERY_S):
            self._written = now
            self._handle.update(self._content(), raw=True)

    def _content(self) -> dict[str, str]:
        lines = [*self._lines]
        if self.work is not None:
            lines.append(self.files_line(self.work))
        if self.total:
            lines.append(self.all_line())
        lines += [f"  {self.cell_line(one)}" for one in self.running.values()]
        text = "\n".join(lines)
        return {"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>"}
