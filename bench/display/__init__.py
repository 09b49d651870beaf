"""Shows how a run gets on: bars in a terminal, a block in a notebook, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.display.following import Display
    from bench.executors import Event, FilesEvent
    from bench.planning.plan import Cell

Callback = Callable[["Event | FilesEvent"], None]


def display_for(
    cells: Sequence[Cell] = (), *, quiet: bool = False, verbose: bool = False
) -> Display:
    """What suits the place that this process writes to.

    Args:
        cells: all that will run.
        quiet: show nothing.
        verbose: also tell when cells start and change what they do.
    """
    from bench.display.following import Display
    from bench.display.notebook import Block, in_notebook

    if quiet:
        return Display(cells)
    if in_notebook():
        return Block(cells, verbose=verbose)
    if sys.stderr.isatty():
        from bench.display.bars import Bars

        return Bars(cells, verbose=verbose)
    from bench.display.lines import Lines

    return Lines(cells, verbose=verbose)


def display_for_library(progress: bool | Callback | None, cells: Sequence[Cell] = ()) -> Display:
    """What `bench.run` shows.

    Args:
        progress: None shows a run where somebody watches, in a terminal or a notebook; True
            always, False never; a function gets the events and shows them as it likes.
        cells: all that will run.
    """
    from bench.display.following import Told
    from bench.display.notebook import in_notebook

    if callable(progress):
        return Told(progress, cells)
    shown = in_notebook() or sys.stderr.isatty() if progress is None else progress
    return display_for(cells, quiet=not shown)
