"""What lesion-free splits leave out by the labels, as far as the cache knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.data.findings import Finding, some
from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.subject import already_prepared
from bench.errors import agreed, counted
from bench.planning.plan import Cell


def dropped_findings(cell: Cell, cache: Path) -> Iterator[Finding]:
    """Count the slices and images that a fit does not learn from because they have a lesion.

    What a class says is found without reading (`bench.data.find.faults`), and not here.

    Args:
        cell: of a plan.
        cache: the cache folder; subjects that it lacks are not counted.
    """
    fit = cell.fit
    for split, selection in (("train", fit.train), ("validation", fit.validation)):
        if not selection.lesion_free:
            continue
        request = PreparationRequest(
            fit.channels,
            fit.preparation,
            fit.budget.image_size,
            lesion_free=True,
            with_label=True,
        )
        dropped, what = dict[str, int](), "slice"
        for files in selection.present:
            if files.image_files:
                what = "image"
                if all(one.abnormal is not None for one in files.image_files):
                    continue
            prepared = already_prepared(files, request, cache)
            if prepared is not None and prepared.dropped:
                dropped[files.subject] = prepared.dropped
        if dropped:
            count = sum(dropped.values())
            yield Finding(
                "info",
                f"{cell.train_on}, split {split}",
                f"{counted(count, what)} of {counted(len(dropped), 'subject')} "
                f"{agreed(count, 'have')} a label that is not empty and {agreed(count, 'are')} "
                f"left out, because the split is lesion-free: {some([*dropped], limit=3)}",
                "",
            )


def dropped_lines(cells: Iterable[Cell], cache: Path) -> list[str]:
    """What is found in a plan's tasks, one sentence each."""
    firsts = {(cell.train_on, cell.fit.fingerprint, cell.fit.budget.name): cell for cell in cells}
    found = [one for cell in firsts.values() for one in dropped_findings(cell, cache)]
    return list(dict.fromkeys(f"{one.where}: {one.problem}" for one in found))
