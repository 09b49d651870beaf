"""What the p-maps of a cell mark in healthy test subjects, from its kept maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.data.prepare.subject import PreparedSubject
from bench.detector import Prediction
from bench.errors import StoreError
from bench.execution.keeping import subject_prediction
from bench.protocol.healthy import HealthySubject, conformal_of, healthy_subjects, p_maps
from bench.stats.conformal import Conformal
from bench.store.predictions import read_predictions, require_whole
from bench.store.records import Record
from bench.store.store import Store

PMaps = Callable[[Prediction, PreparedSubject], npt.NDArray[np.float32]]
"""(S, H, W) p-values of a detector's prediction of a prepared subject; 1 outside its foreground."""


@dataclass(frozen=True)
class HealthySide:
    """One cell.

    Attributes:
        validation: how many healthy subjects it is calibrated on.
        subjects: healthy test subjects; may be empty.
    """

    validation: int
    subjects: tuple[HealthySubject, ...]


def conformal_of_cell(store: Store, record: Record, protocol: ProtocolCard) -> Conformal:
    """Calibrate p-values on the validation images of a cell.

    Raises:
        StoreError: its predictions are missing or damaged, or have no maps.
        MetricError: a map value is NaN or infinite.
    """
    folder = store.prediction_folder(record.key)
    if not folder.is_dir():
        raise StoreError(
            f"no predictions of cell {record.key[:12]} were kept",
            hint="run the cell with --force --keep maps",
        )
    require_whole(folder, record)
    return conformal_of(protocol, read_predictions(folder, "validation"))


def p_maps_of_cell(store: Store, record: Record, protocol: ProtocolCard) -> tuple[PMaps, int]:
    """What makes p-maps of new predictions, and how many subjects it is calibrated on.

    Raises:
        StoreError, MetricError: as `conformal_of_cell`.
    """
    conformal = conformal_of_cell(store, record, protocol)

    def ranked(prediction: Prediction, subject: PreparedSubject) -> npt.NDArray[np.float32]:
        return p_maps(protocol, conformal, subject_prediction(subject, "test", prediction))

    return ranked, conformal.subjects


def healthy_side(store: Store, record: Record, protocol: ProtocolCard) -> HealthySide:
    """What a cell's p-maps mark in its healthy test subjects.

    Raises:
        StoreError, MetricError: as `conformal_of_cell`.
    """
    conformal = conformal_of_cell(store, record, protocol)
    test = read_predictions(store.prediction_folder(record.key), "test")
    found = tuple(healthy_subjects(protocol, conformal, test))
    return HealthySide(conformal.subjects, found)
