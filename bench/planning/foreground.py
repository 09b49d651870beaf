"""Which share of a plan's images is foreground, as far as the cache knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.data.findings import Finding
from bench.data.prepare.shares import share_findings
from bench.planning.plan import Cell
from bench.planning.positions import prepared_side


def foreground_findings(cell: Cell, cache: Path) -> Iterator[Finding]:
    """Say on which side unusually little or much of the images is foreground; prepares nothing.

    Args:
        cell: of a plan.
        cache: the cache folder; a side of which it lacks a subject is not looked at.
    """
    fit = cell.fit
    for where, selection, judged in (
        (f"{cell.train_on}, split train", fit.train, False),
        (f"{cell.train_on}, split validation", fit.validation, False),
        (f"{cell.task}, test", cell.test, True),
    ):
        prepared = prepared_side(cell, selection, cache, with_label=judged) or ()
        found = {one.subject: one.foreground for one in prepared if one.foreground is not None}
        yield from share_findings(where, found)


def foreground_lines(cells: Iterable[Cell], cache: Path) -> list[str]:
    """What is found in a plan's tasks, one sentence each."""
    firsts = {(cell.task, cell.train_on, cell.fit.budget.image_size): cell for cell in cells}
    found = [one for cell in firsts.values() for one in foreground_findings(cell, cache)]
    return list(dict.fromkeys(f"{one.severity}: {one.where}: {one.problem}" for one in found))
