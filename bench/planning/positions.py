"""Whether a task is tested where its methods have learned: slice positions of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import registry
from bench.cards import Preparation
from bench.data.find.selection import Selection
from bench.data.findings import Finding
from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.subject import PreparedSubject, already_prepared
from bench.errors import counted
from bench.planning.plan import Cell

LIKE_MM = 6.0
"""Slices that are no further apart stand at like position, as in the protocol image-matched@1."""
MOST_UNSEEN = 0.1
"""Share of the test slices, or of those with a lesion, above which it is a finding."""

Floats = npt.NDArray[np.float64]


def unseen(test: Floats, trained: Floats, within: float = LIKE_MM) -> npt.NDArray[np.bool_]:
    """Which test slices stand far from every training slice.

    Args:
        test: (N,) positions along the slice axis of the common grid, in mm.
        trained: (M,) of the training slices, in mm.
        within: slices that are no further apart are near each other, in mm.

    Returns:
        (N,) bool.
    """
    known = np.sort(trained)
    if not known.size:
        return np.ones(test.shape, dtype=np.bool_)
    at = np.searchsorted(known, test)
    below, above = known[np.maximum(at - 1, 0)], known[np.minimum(at, len(known) - 1)]
    far: npt.NDArray[np.bool_] = np.minimum(abs(test - below), abs(test - above)) > within
    return far


def position_finding(cell: Cell, cache: Path) -> Finding | None:
    """What to say where many test slices stand at positions that training never showed.

    Args:
        cell: of a plan.
        cache: the cache folder, which has the prepared subjects.

    Returns:
        None where at most `MOST_UNSEEN` of the test slices, and of those with a lesion, are
        unseen; for single images; and while subjects of either side are not prepared.
    """
    trained = prepared_side(cell, cell.fit.train, cache, with_label=False)
    tested = prepared_side(cell, cell.test, cache, with_label=True)
    return _judged(cell, trained, tested) if trained and tested else None


def standard_finding(cell: Cell, cache: Path) -> Finding | None:
    """What to say where scores are standardised by healthy slices that stand elsewhere.

    A protocol that standardises by position takes the nearest validation images, however far they
    are: lesion-free slices of patients may be polar ones only.

    Args:
        cell: of a plan.
        cache: the cache folder, which has the prepared subjects.

    Returns:
        None where at most `MOST_UNSEEN` of the test slices are further from every validation slice
        than the protocol's window reaches; without such a protocol or validation images; for
        single images; and while subjects are not prepared.
    """
    cards = [registry.protocol(one) for one in cell.protocols]
    by_position = [card for card in cards if card.standardise == "position"]
    if not by_position:
        return None
    healthy = prepared_side(cell, cell.fit.validation, cache, with_label=False)
    tested = prepared_side(cell, cell.test, cache, with_label=True)
    if not healthy or not tested:
        return None
    judged, known = _positions(tested), _positions(healthy)
    for card in by_position:
        far = unseen(judged, known, card.position_mm)
        if far.size and far.mean() > MOST_UNSEEN:
            return Finding(
                "warning",
                cell.task,
                f"{int(far.sum())} of {counted(far.size, 'test slice')} stand more than "
                f"{card.position_mm:g} mm along the slice axis from every validation slice of "
                f"{cell.train_on} ({counted(known.size, 'slice')}; subjects: {len(healthy)}), so "
                f"{card.id} standardises their scores by slices at other positions",
                "learn from a source that has these positions, with --train-on",
            )
    return None


def position_lines(cells: Iterable[Cell], cache: Path) -> list[str]:
    """What is found in a plan's tasks, one sentence each; prepares nothing.

    Where subjects are not prepared yet, a task says so if it learns from lesion-free slices;
    whole brains show all positions.

    Args:
        cells: of a plan.
        cache: the cache folder.
    """
    firsts = {(cell.task, cell.train_on, cell.fit.budget.image_size): cell for cell in cells}
    lines = []
    for cell in firsts.values():
        found, standard = position_finding(cell, cache), standard_finding(cell, cache)
        said = [one for one in (found, standard) if one is not None]
        lines += [f"{one.severity}: {one.where}: {one.problem}" for one in said]
        if found is not None:
            continue
        if cell.fit.train.lesion_free and isinstance(cell.fit.preparation, Preparation):
            sides = ((cell.fit.train, False), (cell.test, True))
            if any(
                prepared_side(cell, one, cache, with_label=label) is None for one, label in sides
            ):
                lines.append(
                    f"{cell.task}: not all subjects are prepared yet, so it is not known whether "
                    "the lesion-free training slices stand where the test slices do"
                )
    return list(dict.fromkeys(lines))


def _judged(
    cell: Cell, trained: Sequence[PreparedSubject], tested: Sequence[PreparedSubject]
) -> Finding | None:
    learned, judged = _positions(trained), _positions(tested)
    if not judged.size:
        return None
    far = unseen(judged, learned)
    ill = np.concatenate([one.image_labels for one in tested if one.geometry is not None])
    parts = [(far, "test slices"), (far[ill], "test slices with a lesion")]
    parts = [(one, what) for one, what in parts if one.size]
    if not any(one.mean() > MOST_UNSEEN for one, _ in parts):
        return None
    counts = " and ".join(f"{int(one.sum())} of {one.size} {what}" for one, what in parts)
    return Finding(
        "warning",
        cell.task,
        f"{counts} stand more than {LIKE_MM:g} mm along the slice axis from every slice of "
        f"{cell.train_on} that was learned from ({counted(learned.size, 'slice')}; subjects: "
        f"{len(trained)}); more than {100 * MOST_UNSEEN:g} % are reported",
        "learn from a source that has these positions, with --train-on",
    )


def prepared_side(
    cell: Cell, selection: Selection, cache: Path, *, with_label: bool
) -> list[PreparedSubject] | None:
    """The prepared subjects of one side that have a slice; None while one of them is not there.

    Args:
        cell: of a plan.
        selection: the side.
        cache: the cache folder.
        with_label: whether the side is judged.
    """
    request = PreparationRequest(
        cell.fit.channels,
        cell.fit.preparation,
        cell.fit.budget.image_size,
        lesion_free=selection.lesion_free,
        with_label=with_label or selection.lesion_free,
    )
    found = []
    for files in selection.present:
        one = already_prepared(files, request, cache)
        if one is None:
            return None
        found.append(one)
    return [one for one in found if len(one.image_labels)]


def _positions(subjects: Iterable[PreparedSubject]) -> Floats:
    """(N,) of all slices, in mm along the slice axis of the common grid."""
    parts = [
        one.geometry.slices * one.geometry.spacing_mm[2]
        for one in subjects
        if one.geometry is not None
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty(0)
