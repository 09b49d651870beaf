"""How much time is left: from the rates that were measured in this run, never from a guess."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.executors import Event
from bench.planning.plan import Cell

Clock = Callable[[], float]
Name = tuple[str, str]
Kind = tuple[str, bool]


_BEFORE_LEARNING = ("", "prepare")
"""Phases of a cell whose pace says nothing of how long the cell takes."""


def name_of(cell: Cell) -> Name:
    """What tells cells apart: two tasks on one set of images share a cell key."""
    return cell.task, cell.key


class Pace:
    """The rate of one kind of step, and the time that the remaining ones take at it.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._last = (0.0, 0, 0)

    def take(self, done: int, total: int) -> None:
        """Note that `done` of `total` steps are done now."""
        now = self._clock()
        if self._first is None or done < self._last[1]:
            self._first = now, done
        self._last = now, done, total

    def left(self) -> float | None:
        """Seconds that the remaining steps take; None before two counts were seen."""
        then, done, total = self._last
        if self._first is None or done <= self._first[1] or total < done:
            return None
        seconds_per_step = (then - self._first[0]) / (done - self._first[1])
        return max(0.0, (total - done) * seconds_per_step - (self._clock() - then))


@dataclass
class _Running:
    kind: Kind
    started: float
    phase: str
    pace: Pace
    fitted: float | None = None


class TimeLeft:
    """Follows the events of a run.

    A cell that runs is timed by its own steps. A cell that waits is taken to last as long as the
    ended ones of its method did, those that train apart from those that use a fit of another
    cell; where none has ended, as long as the cells of other methods.

    Args:
        cells: all that will run.
        clock: seconds.
    """

    def __init__(self, cells: Sequence[Cell] = (), clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._waiting: dict[Name, Kind] = {}
        fits: set[str] = set()
        for cell in cells:
            self._waiting[name_of(cell)] = cell.fit.method.name, cell.fit.key not in fits
            fits.add(cell.fit.key)
        self._kinds = dict(self._waiting)
        self._running: dict[Name, _Running] = {}
        self._took: dict[Kind, list[float]] = defaultdict(list)
        self._after_fit: dict[str, list[float]] = defaultdict(list)
        self._at_once = 1

    def take(self, event: Event) -> None:
        """Note an event, now."""
        name, now = name_of(event.cell), self._clock()
        if event.kind == "start":
            kind = self._kinds.get(name, (event.cell.fit.method.name, True))
            self._waiting.pop(name, None)
            self._running[name] = _Running(kind, now, "", Pace(self._clock))
            self._at_once = max(self._at_once, len(self._running))
        elif name not in self._running:
            return
        elif event.kind == "progress":
            running = self._running[name]
            if event.phase == "fitted":
                running.fitted = now
            if event.phase != running.phase:
                running.phase, running.pace = event.phase, Pace(self._clock)
            running.pace.take(event.done, event.total)
        elif event.kind in ("end", "retry"):
            running = self._running.pop(name)
            if event.kind == "retry":
                self._waiting[name] = running.kind
            elif event.status == "done":
                self._took[running.kind].append(now - running.started)
                if running.fitted is not None:
                    self._after_fit[running.kind[0]].append(now - running.fitted)

    def of_cell(self, cell: Cell) -> float | None:
        """Seconds until a running cell ends; None where nothing is measured yet."""
        running = self._running.get(name_of(cell))
        return None if running is None else self._left(running)

    def of_all(self) -> float | None:
        """Seconds until all cells have ended; None where nothing is measured yet."""
        left = [self._left(one) for one in self._running.values()]
        known = [one for one in left if one is not None]
        if len(known) < len(left):
            return None
        waiting = [self._expected(kind) for kind in self._waiting.values()]
        total = sum(known)
        for one in waiting:
            if one is None:
                return None
            total += one
        # Cells share the places; the longest one that runs must end in any case.
        return max([total / self._at_once, *known])

    def _left(self, running: _Running) -> float | None:
        """By its own steps while it learns; before and after, by cells that have ended."""
        steps, now = running.pace.left(), self._clock()
        after = self._after_fit.get(running.kind[0])
        if running.fitted is not None and after:
            return max(0.0, _mean(after) - (now - running.fitted))
        if steps is not None and running.phase not in _BEFORE_LEARNING:
            is_learning = running.fitted is None
            return steps + (_mean(after) if after and is_learning else 0.0)
        expected = self._expected(running.kind)
        return None if expected is None else max(0.0, expected - (now - running.started))

    def _expected(self, kind: Kind) -> float | None:
        """How long a cell takes from start to end."""
        if kind in self._took:
            return _mean(self._took[kind])
        every = [one for took in self._took.values() for one in took]
        if every:
            return _mean(every)
        now = self._clock()
        # Nothing has ended yet: as long as those that run will have taken.
        own = [one for one in self._running.values() if one.phase not in _BEFORE_LEARNING]
        guesses = [now - one.started + left for one in own if (left := one.pace.left()) is not None]
        return _mean(guesses) if guesses else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
