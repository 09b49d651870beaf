"""What of a cell's predictions is kept, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.prepare.subject import PreparedSubject
from bench.detector import Prediction
from bench.planning.plan import Cell
from bench.planning.request import Keep
from bench.protocol.contrast import lesion_contrasts
from bench.protocol.held import Held, Passes, holding
from bench.store.predictions import (
    Role,
    SubjectPrediction,
    as_read,
    file_name,
    shown_image,
    without_maps,
    write_index,
    write_prediction,
)
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


class Predictions:
    """Takes the predictions of a cell: writes what is kept of them, and holds all for scoring.

    Args:
        folder: for what is kept; None keeps nothing.
        keep: what that is.
        held: for scoring.
    """

    def __init__(self, folder: Path | None, keep: Keep, held: Held) -> None:
        self._folder, self._keep, self._held = folder, keep, held

    def add(self, prediction: SubjectPrediction) -> None:
        """Take one subject; its arrays may change afterwards."""
        if self._folder is not None:
            kept = prediction if self._keep == "maps" else without_maps(prediction)
            write_prediction(self._folder, kept)
        self._held.add(as_read(prediction))

    def all_of(self, subjects: Mapping[Role, Sequence[str]]) -> Passes:
        """Close what is kept, once these subjects are there; passes over them as they are read."""
        if self._folder is not None:
            write_index(self._folder, subjects)
        roles = ("test", "validation")
        self._held.arrange(lambda one: (roles.index(one.role), file_name(one.role, one.subject)))
        return self._held


@contextmanager
def taking_predictions(store: Store, cell: Cell, keep: Keep) -> Iterator[Predictions]:
    """Where predictions go while a cell runs; they are in the store once the block ends well."""
    with holding() as held:
        if keep == "none":
            yield Predictions(None, keep, held)
            return
        with store.new_folder(store.prediction_folder(cell.key)) as folder:
            yield Predictions(folder, keep, held)
