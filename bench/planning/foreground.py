"""What the pixels of a plan's files show that is odd, as far as the cache knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from bench.data.findings import Finding, some
from bench.data.prepare.shares import lesion_share_findings, share_findings
from bench.data.prepare.subject import PreparedSubject
from bench.errors import counted
from bench.planning.plan import Cell
from bench.planning.positions import prepared_side


def foreground_findings(cell: Cell, cache: Path) -> Iterator[Finding]:
    """Say where little or much is foreground, most of it lesion, or a header or label odd.

    Prepares nothing.

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
        yield from _noted(where, prepared)
        if judged:
            yield from lesion_share_findings(where, _lesion_shares(prepared))


def _noted(where: str, prepared: Collection[PreparedSubject]) -> Iterator[Finding]:
    """What was odd about the files of some subjects, each once."""
    subjects: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in prepared:
        for note in one.notes:
            subjects[note].append(one.subject)
    for (problem, remedy), names in subjects.items():
        count = f"{len(names)} of {counted(len(prepared), 'subject')}"
        yield Finding("warning", where, f"{count}: {problem}: {some(names, limit=3)}", remedy)


def _lesion_shares(prepared: Iterable[PreparedSubject]) -> dict[str, float]:
    """By subject with lesions, how much of the foreground of the images with one is lesion."""
    shares = {}
    for one in prepared:
        if one.labels is not None and one.truth is not None and one.truth.voxels_kept:
            ill = one.labels.any(axis=(1, 2))
            inside = one.masks[ill]
            shares[one.subject] = float((one.labels[ill] & inside).sum() / inside.sum())
    return shares


def foreground_lines(cells: Iterable[Cell], cache: Path) -> list[str]:
    """What is found in a plan's tasks, one sentence each."""
    firsts = {(cell.task, cell.train_on, cell.fit.budget.image_size): cell for cell in cells}
    found = [one for cell in firsts.values() for one in foreground_findings(cell, cache)]
    return list(dict.fromkeys(f"{one.severity}: {one.where}: {one.problem}" for one in found))
