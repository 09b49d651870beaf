"""P-maps: how unusual each voxel is among those of healthy validation subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.errors import StoreError
from bench.protocol.cases import check_finite
from bench.protocol.postprocess import processed
from bench.stats.conformal import LEVELS, Conformal
from bench.store.predictions import SubjectPrediction

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HealthySubject:
    """What a p-map marks in a subject without lesions.

    Attributes:
        achieved: share of the foreground with a p-value of at most each of `LEVELS`.
        marked_ml: the same as a volume; None for single images.
    """

    subject: str
    achieved: tuple[float, ...]
    marked_ml: tuple[float, ...] | None


def conformal_of(protocol: ProtocolCard, validation: Iterable[SubjectPrediction]) -> Conformal:
    """Calibrate on the foreground of healthy validation subjects, after the protocol's steps.

    Raises:
        StoreError: none of them has maps.
        MetricError: a map value is NaN or infinite, or no foreground is there.
    """
    found = []
    for one in validation:
        if one.scores_only:
            raise StoreError("the method gives no maps")
        if one.maps is not None:
            done = processed(protocol, one)
            found.append(_inside(done))
    if not found:
        raise StoreError(
            "no maps of healthy validation images were kept",
            hint="run the cell with --keep maps, on a source with a validation split",
        )
    return Conformal(found)


def p_maps(
    protocol: ProtocolCard, conformal: Conformal, prediction: SubjectPrediction
) -> npt.NDArray[np.float32]:
    """(S, H, W) p-values of a subject's maps after the protocol's steps; 1 outside foreground."""
    done = processed(protocol, prediction)
    values = np.ones(done.masks.shape, dtype=np.float32)
    values[done.masks] = conformal.p_values(_inside(done))
    return values


def healthy_subjects(
    protocol: ProtocolCard, conformal: Conformal, test: Iterable[SubjectPrediction]
) -> Iterator[HealthySubject]:
    """What is marked in each test subject that has no abnormal image; others are passed over."""
    for one in test:
        if one.maps is None or one.image_labels.any() or _unknown(one):
            continue
        done = processed(protocol, one)
        values = conformal.p_values(_inside(done))
        if not values.size:
            continue
        marked = np.array([np.count_nonzero(values <= level) for level in LEVELS])
        volume = None
        if one.geometry is not None and protocol.size is None:
            voxel_ml = float(np.prod(one.geometry.spacing_mm)) / 1000
            volume = tuple(float(count) * voxel_ml for count in marked)
        yield HealthySubject(one.subject, tuple((marked / values.size).tolist()), volume)


def _inside(one: SubjectPrediction) -> npt.NDArray[np.float32]:
    if one.maps is None:
        return np.empty(0, np.float32)
    scores = one.maps[one.masks]
    check_finite(one.subject, scores)
    return scores


def _unknown(one: SubjectPrediction) -> bool:
    """Whether some pixels are neither lesion nor known to be normal."""
    return one.ignored is not None and bool(one.ignored.any())
