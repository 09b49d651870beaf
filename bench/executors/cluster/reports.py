"""What a job says of its cells while it runs: one small file for each job, on the shared disk."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from bench.atomic import write_text
from bench.planning.plan import Cell

State = Literal["running", "ended"]
WRITE_EVERY_S = 2.0
_MOST_BYTES = 10_000_000
_LONGEST = 500
_LONGEST_NAME = 40
_MOST_VALUES = 16


def name_of(cell: Cell) -> str:
    """What tells cells apart: two tasks on one set of images share a cell key."""
    return f"{cell.task} {cell.key}"


@dataclass(frozen=True)
class CellReport:
    """How one cell gets on.

    Attributes:
        state: ``running`` or ``ended``.
        phase: what it is doing, with ``done`` of ``total``; ``since`` it does it (seconds since
            the epoch).
        status: at its end, as in `bench.executors.Event`.
        reason: why it failed.
        values: what its detector logged last, after `step` steps; at the end the headline's value.
    """

    state: State
    phase: str = ""
    done: int = 0
    total: int = 0
    since: float = 0.0
    status: str = ""
    reason: str = ""
    step: int = 0
    values: Mapping[str, float] = field(default_factory=dict)

    def seconds_left(self, now: float) -> float | None:
        """How long the phase will still take at its rate so far; None where nothing is known."""
        if self.state != "running" or self.done <= 0 or self.total < self.done:
            return None
        return max(0.0, now - self.since) / self.done * (self.total - self.done)


class JobReport:
    """Written by the job.

    Args:
        path: of the file. What an earlier try of the same job wrote is taken over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cells = {name: one for name, one in read_report(path).items() if one.state == "ended"}
        self._written = 0.0

    def ended(self, name: str) -> bool:
        """Whether an earlier try of this job ended the cell with a record."""
        found = self._cells.get(name)
        return found is not None and found.status != "unrecorded"

    def note(self, name: str, report: CellReport) -> None:
        """Note how a cell gets on; written at once at its begin and end, else now and then."""
        before = self._cells.get(name)
        if report.state == "running":
            same = before is not None and before.phase == report.phase
            since = before.since if same and before is not None else time.time()
            report = replace(report, since=since)
            if not report.values and before is not None:
                report = replace(report, step=before.step, values=before.values)
        self._cells[name] = report
        turn = before is None or before.state != report.state
        if turn or time.monotonic() - self._written > WRITE_EVERY_S:
            self._written = time.monotonic()
            content = {
                "host": socket.gethostname(),
                "cells": {one: asdict(cell) for one, cell in self._cells.items()},
            }
            write_text(self._path, json.dumps(content))

    def note_values(self, name: str, step: int, values: Mapping[str, float]) -> None:
        """Note what the detector of a cell that runs has logged; only the newest is kept."""
        before = self._cells.get(name) or CellReport("running", "starting")
        if before.state == "ended":
            return
        self.note(name, replace(before, step=step, values=dict(values)))


def read_report(path: Path) -> Mapping[str, CellReport]:
    """The cells of a job's file by name; empty where there is none, or where it is damaged.

    The file is only for display: what counts are the records.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            return {}
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, dict):
        return {}
    found = {name: _checked(one) for name, one in cells.items()}
    return {name: one for name, one in found.items() if one is not None}


def _checked(content: object) -> CellReport | None:
    """One cell of the file, if it is one."""
    if not isinstance(content, dict) or content.get("state") not in get_args(State):
        return None
    numbers = [content.get(name, 0) for name in ("done", "total", "since")]
    if not all(_is_number(one) for one in numbers):
        return None
    texts = [str(content.get(name, ""))[:_LONGEST] for name in ("phase", "status", "reason")]
    done, total, since = numbers
    values = _numbers(content.get("values"))
    step = content.get("step", 0)
    return CellReport(
        content["state"], texts[0], int(done), int(total), float(since), texts[1], texts[2],
        step if type(step) is int else 0, values,
    )  # fmt: skip


def _numbers(content: object) -> dict[str, float]:
    """What the file says that was logged: a few finite numbers, each with a short name."""
    if not isinstance(content, dict):
        return {}
    return {
        str(name)[:_LONGEST_NAME]: float(value)
        for name, value in [*content.items()][:_MOST_VALUES]
        if _is_number(value)
    }


def _is_number(content: object) -> bool:
    """Whether a value is a finite number that a float can hold."""
    if isinstance(content, bool) or not isinstance(content, int | float):
        return False
    return abs(content) < sys.float_info.max
