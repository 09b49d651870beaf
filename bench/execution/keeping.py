"""What of a cell's predictions is kept, and where."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.prepare.subject import PreparedSubject
from bench.detector import Prediction
from bench.planning.plan import Cell
from bench.planning.request import Keep
from bench.protocol.contrast import lesion_contrasts
from bench.store.predictions import Role, SubjectPrediction, shown_image
from bench.store.store import Store


def subject_prediction(
    subject: PreparedSubject, role: Role, prediction: Prediction
) -> SubjectPrediction:
    """A detector's prediction of one subject, with the truth and a picture beside it.

    Args:
        subject: as it was prepared.
        role: ``test`` or ``validation``.
        prediction: of the subject's images, already held against the contract.
    """
    return SubjectPrediction(
        subject=subject.subject,
        role=role,
        maps=prediction.maps,
        scores=prediction.scores,
        masks=np.asarray(subject.masks),
        labels=None if subject.labels is None else np.asarray(subject.labels),
        ignored=None if subject.ignored is None else np.asarray(subject.ignored),
        image_labels=subject.image_labels,
        geometry=subject.geometry,
        preview=_preview(subject) if role == "test" else None,
        signed=prediction.signed,
        scores_only=prediction.maps is None,
        contrasts=_contrasts(subject) if role == "test" else None,
    )


def _contrasts(subject: PreparedSubject) -> npt.NDArray[np.float32] | None:
    """How far each lesion stands out, for `bench report --by contrast`: images are not kept."""
    if subject.labels is None:
        return None
    labels, masks = np.asarray(subject.labels), np.asarray(subject.masks)
    return lesion_contrasts(subject.images, labels, masks, stack=subject.geometry is not None)


def _preview(subject: PreparedSubject) -> npt.NDArray[np.float16]:
    labels = None if subject.labels is None else np.asarray(subject.labels)
    shown = np.asarray(subject.images[shown_image(np.asarray(subject.masks), labels), 0])
    # Half precision ends at 65504; a picture loses nothing by the cut.
    limit = np.finfo(np.float16).max
    preview: npt.NDArray[np.float16] = np.clip(shown, -limit, limit).astype(np.float16)
    return preview


@contextmanager
def prediction_folder(store: Store, cell: Cell, keep: Keep) -> Iterator[Path]:
    """Where predictions go while the cell runs: into the store, or nowhere for good."""
    if keep == "none":
        scratch = store.scratch()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return
    with store.new_folder(store.prediction_folder(cell.key)) as folder:
        yield folder
