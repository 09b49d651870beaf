"""How much the fits of a plan learn from, as far as the cache knows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.subject import already_prepared
from bench.errors import counted
from bench.planning.plan import Cell, Fit


def training_counts(fit: Fit, cache: Path) -> tuple[int, int | None]:
    """How many subjects and images a fit learns from; prepares nothing.

    Returns:
        Subjects that give at least one image, and their images. Where a subject is not prepared
        yet, all subjects, and None: how many slices are normal is not known before.
    """
    train = fit.train
    request = PreparationRequest(
        fit.channels,
        fit.preparation,
        fit.budget.image_size,
        lesion_free=train.lesion_free,
        with_label=train.lesion_free,
    )
    counts = []
    for files in train.present:
        prepared = already_prepared(files, request, cache)
        if prepared is None:
            return len(train.present), None
        counts.append(len(prepared.images))
    return sum(one > 0 for one in counts), sum(counts)


def training_lines(cells: Iterable[Cell], cache: Path) -> list[str]:
    """One sentence per task: what its methods are trained on; prepares nothing."""
    firsts = {(cell.task, cell.train_on, cell.fit.budget.name): cell for cell in cells}
    lines = []
    for cell in firsts.values():
        subjects, images = training_counts(cell.fit, cache)
        known = f", {counted(images, 'image')}" if images is not None else ""
        later = "" if images is not None else " (how many images is known when they are prepared)"
        lines.append(
            f"{cell.task}: trained on {counted(subjects, 'subject')}{known} of "
            f"{cell.train_on}{later}"
        )
    return lines
