"""What the detector of a cell gets to see: prepared images, from the cache or made now."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from bench.data.find.selection import Selection
from bench.data.prepare.subject import (
    Check,
    PreparationRequest,
    PreparedSubject,
    has_stack,
    prepare_subject,
    stack_subjects,
)
from bench.data.progress import Progress
from bench.detector import FloatArray, NormalImages
from bench.planning.dropped import dropped_findings
from bench.planning.foreground import foreground_findings
from bench.planning.plan import Cell
from bench.planning.positions import position_finding, standard_finding
from bench.planning.training import training_counts
from bench.store.records import RecordedFinding, TrainedOn


def normal_images(cell: Cell, cache: Path, channels: int, progress: Progress) -> NormalImages:
    """The images that a cell's fit learns from, memory-mapped.

    Args:
        cell: what to run.
        cache: the cache folder.
        channels: that the method gets; grey is repeated.
        progress: called with (done, total, phase).

    Raises:
        DataError: a file cannot be prepared or has changed since the plan, or no image is normal.
        StoreError: the cache cannot be read or written.
    """
    inner = None
    validation = _prepared_for_stack(cell.fit.validation, cell, cache, progress)
    if validation:
        images, masks = stack_subjects(validation, cache)
        inner = NormalImages(repeat_channels(images, channels), masks)
    train = _prepared_for_stack(cell.fit.train, cell, cache, progress)
    images, masks = stack_subjects(train, cache)
    return NormalImages(repeat_channels(images, channels), masks, inner)


def _prepared_for_stack(
    selection: Selection, cell: Cell, cache: Path, progress: Progress
) -> list[PreparedSubject]:
    """Subjects to stack; their arrays are read and compared only where there is no stack yet."""
    look = partial(prepare_selection, selection, cell, cache, progress, with_label=False)
    prepared = look(check="description")
    return prepared if not prepared or has_stack(prepared, cache) else look()


def prepare_selection(
    selection: Selection,
    cell: Cell,
    cache: Path,
    progress: Progress,
    *,
    with_label: bool,
    check: Check = "all",
) -> list[PreparedSubject]:
    """The prepared subjects of one side of a cell that have an image.

    Args:
        selection: the side.
        cell: what to run.
        cache: the cache folder.
        progress: called with (done, total, phase).
        with_label: whether the label is wanted too.
        check: as `bench.data.prepare.subject.prepare_subject` has it.

    Raises:
        DataError, StoreError: as `normal_images`.
    """
    request = _request(cell, selection, with_label=with_label)
    prepared = []
    for done, subject in enumerate(selection.present):
        progress(done, len(selection.present), "prepare")
        prepared.append(prepare_subject(subject, request, cache, cell.shas, check=check))
    # A patient of a normal split may turn out to have no normal image.
    return [one for one in prepared if len(one.images)]


def _request(cell: Cell, selection: Selection, *, with_label: bool) -> PreparationRequest:
    return PreparationRequest(
        cell.fit.channels,
        cell.fit.preparation,
        cell.fit.budget.image_size,
        lesion_free=selection.lesion_free,
        with_label=with_label or selection.lesion_free,
    )


def trained_on(cell: Cell, cache: Path) -> TrainedOn | None:
    """How many subjects and images a cell's fit learns from.

    Args:
        cell: what to run.
        cache: the cache folder.

    Returns:
        None where a subject is not in the cache any more: its lesion-free images are not known.
    """
    subjects, images = training_counts(cell.fit, cache)
    return None if images is None else TrainedOn(subjects=subjects, images=images)


def run_findings(cell: Cell, cache: Path) -> list[RecordedFinding]:
    """What can be said of the files only once they are prepared.

    Args:
        cell: that was fitted, so that its images are prepared; what is not in the cache any more
            is not looked at.
        cache: the cache folder.
    """
    far = (position_finding(cell, cache), standard_finding(cell, cache))
    found = [one for one in far if one is not None] + [*foreground_findings(cell, cache)]
    found += dropped_findings(cell, cache)
    return [RecordedFinding.model_validate(asdict(one)) for one in found]


def repeat_channels(images: FloatArray, channels: int) -> FloatArray:
    """Grey to `channels` channels, without a copy."""
    if images.shape[1] == channels:
        return images
    shape = (images.shape[0], channels, *images.shape[2:])
    return np.broadcast_to(images, shape)
