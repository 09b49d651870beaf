"""What a protocol looks at: the pixels or images of one subject, with their labels and scores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.errors import MetricError
from bench.metrics.checks import as_scores
from bench.metrics.regions import Dimensions, region_weights
from bench.metrics.table import METRICS
from bench.store.predictions import SubjectPrediction

Bools = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float32]


class NotApplicable(Exception):
    """A protocol that cannot be applied to these predictions; the message says why."""


@dataclass(frozen=True)
class Cases:
    """The pixels or images of one subject that a protocol ranks.

    Attributes:
        subject: id within the dataset.
        labels: (n,) bool.
        scores: (n,) float32, finite.
        weights: (positives,) float64, one over the size of the lesion that a positive pixel
            belongs to; None where the protocol does not ask for it.
        positives_outside: lesion pixels outside the region, which are not ranked.
        images_without_label: abnormal images that nobody labelled; their pixels are not ranked.
        images_ignored: images that are not ranked because nobody says whether they are normal:
            some of their pixels are ignored, and no other is lesion.
        stack: images of the subject, whatever is ranked.
        images: of the subject, where images or subjects are ranked.
        images_without_score: those of them without foreground, which are not ranked.
        positions: (n,) float64, of each image along the slice axis, in mm; None where the
            protocol does not ask for it.
    """

    subject: str
    labels: Bools
    scores: Scores
    weights: npt.NDArray[np.float64] | None = None
    positives_outside: int = 0
    stack: int = 1
    images: int = 0
    images_without_score: int = 0
    images_without_label: int = 0
    images_ignored: int = 0
    positions: npt.NDArray[np.float64] | None = None

    @property
    def total(self) -> int:
        """Number of cases."""
        return int(self.labels.size)

    @property
    def positives(self) -> int:
        """Number of positives."""
        return int(np.count_nonzero(self.labels))

    @property
    def constant(self) -> bool:
        """Whether all scores are the same, so that they rank nothing."""
        return self.total > 0 and self.span[0] == self.span[1]

    @property
    def span(self) -> tuple[float, float]:
        """Lowest and highest score; the empty span where there are no cases."""
        if not self.total:
            return np.inf, -np.inf
        return float(self.scores.min()), float(self.scores.max())


class Standard(Protocol):
    """What image scores are held against; see `bench.protocol.position.PositionStandard`."""

    def apply(self, positions: npt.NDArray[np.float64], scores: Scores) -> Scores:
        """Standardise scores of images at these positions."""


def cases_of(
    protocol: ProtocolCard, prediction: SubjectPrediction, standard: Standard | None = None
) -> Cases:
    """The cases of one subject.

    Args:
        protocol: what is ranked.
        prediction: of the subject, after the protocol's steps.
        standard: what image scores are standardised by, where the protocol asks for it.

    Raises:
        NotApplicable: maps, pixel labels or positions are missing.
        MetricError: a score that would be ranked is NaN or infinite.
    """
    weights, outside, images, without_score, unlabelled = None, 0, 0, 0, 0
    unknown = _unknown(prediction)
    ignored = 0
    positions = None
    if protocol.level == "pixel":
        maps, truth, inside = pixels_of(protocol, prediction)
        labels, scores = truth[inside], maps[inside]
        unlabelled, ignored = _whole(prediction)
        if prediction.labels is not None:
            region = region_of(protocol, prediction)
            outside = int(np.count_nonzero(prediction.labels & ~region))
        if "regions" in counted_by(protocol):
            weights = region_weights(truth, dimensions_of(protocol, prediction))
    else:
        labels, scores, scored = _images(protocol, prediction, ~unknown)
        ignored = int(np.count_nonzero(unknown))
        images, without_score = len(scored), len(scored) - len(labels) - ignored
        if protocol.match or protocol.standardise:
            positions = positions_of(prediction)[scored]
        if standard is not None and positions is not None:
            scores = standard.apply(positions, scores)
        if protocol.level == "subject" and len(scores):
            labels, scores = _pooled(protocol, labels, scores)
    check_finite(prediction.subject, scores)
    return Cases(
        prediction.subject,
        labels,
        scores,
        weights,
        positives_outside=outside,
        stack=len(prediction.masks),
        images=images,
        images_without_score=without_score,
        images_without_label=unlabelled,
        images_ignored=ignored,
        positions=positions,
    )


def ranks_own_scores(protocol: ProtocolCard, prediction: SubjectPrediction) -> bool:
    """Whether the detector's own scores are ranked: also in place of ``map-top`` without maps.

    Not where maps were dropped: then one protocol would give two numbers for one method.
    """
    if protocol.level == "pixel":
        return False
    return protocol.score == "detector" or (protocol.score == "map-top" and prediction.scores_only)


def positions_of(prediction: SubjectPrediction) -> npt.NDArray[np.float64]:
    """(S,) position of each image along the slice axis of the common grid, in mm."""
    if prediction.geometry is None:
        raise NotApplicable("positions of slices in a volume; these are single images")
    geometry = prediction.geometry
    return geometry.slices.astype(np.float64) * abs(geometry.spacing_mm[2])


def counted_by(protocol: ProtocolCard) -> set[str]:
    """What the protocol's metrics count: cases, regions, lesions (see `Metric.counts`)."""
    return {METRICS[name].counts for name in protocol.metrics}


def pixels_of(protocol: ProtocolCard, prediction: SubjectPrediction) -> tuple[Scores, Bools, Bools]:
    """Maps, lesions within the region, and the region; all (S, H, W)."""
    if prediction.maps is None:
        raise _no_maps(prediction)
    if prediction.labels is None:
        raise NotApplicable("the dataset has no pixel labels")
    inside = region_of(protocol, prediction)
    if prediction.ignored is not None:
        inside = inside & ~prediction.ignored
    return prediction.maps, prediction.labels & inside, inside


def _no_maps(prediction: SubjectPrediction) -> NotApplicable:
    """Why there are none: a method without maps is another thing than maps that were dropped."""
    kept = "the method gives no maps" if prediction.scores_only else "no maps were kept"
    return NotApplicable(kept)


def _whole(prediction: SubjectPrediction) -> tuple[int, int]:
    """Images that are ignored as a whole: abnormal ones, that nobody labelled, and others."""
    if prediction.ignored is None:
        return 0, 0
    whole = prediction.ignored.all(axis=(1, 2))
    abnormal = prediction.image_labels
    return int(np.count_nonzero(whole & abnormal)), int(np.count_nonzero(whole & ~abnormal))


def _unknown(prediction: SubjectPrediction) -> Bools:
    """(S,) bool: images of which some pixels are ignored and no pixel is lesion."""
    if prediction.ignored is None:
        return np.zeros(len(prediction.image_labels), dtype=np.bool_)
    return np.asarray(prediction.ignored.any(axis=(1, 2)) & ~prediction.image_labels)


def region_of(protocol: ProtocolCard, prediction: SubjectPrediction) -> Bools:
    """(S, H, W) bool: the pixels that count."""
    if protocol.region == "foreground":
        return prediction.masks
    return np.ones(prediction.masks.shape, dtype=np.bool_)


def dimensions_of(protocol: ProtocolCard, prediction: SubjectPrediction) -> Dimensions:
    """Whether lesions are regions of the stack (3) or of each image (2)."""
    if protocol.component_dimensions is None:
        return 2 if prediction.geometry is None else 3
    if protocol.component_dimensions == 3:
        need_stack(prediction, "components")
    return protocol.component_dimensions


def need_stack(prediction: SubjectPrediction, step: str) -> None:
    """Refuse a step on the stack where there are only single images."""
    if prediction.geometry is None:
        raise NotApplicable(f"{step} on the stack of slices; these are single images")


def images_of(prediction: SubjectPrediction) -> Iterator[SubjectPrediction]:
    """The subject's images, each as a subject of one image and without a stack."""
    for at in range(prediction.masks.shape[0]):
        one = slice(at, at + 1)
        yield replace(
            prediction,
            maps=None if prediction.maps is None else prediction.maps[one],
            scores=prediction.scores[one],
            masks=prediction.masks[one],
            labels=None if prediction.labels is None else prediction.labels[one],
            ignored=None if prediction.ignored is None else prediction.ignored[one],
            image_labels=prediction.image_labels[one],
            geometry=None,
        )


def check_finite(subject: str, scores: Scores) -> None:
    """Refuse NaN and infinite values, naming the subject."""
    try:
        as_scores(scores)
    except MetricError as error:
        raise MetricError(f"subject {subject}: {error}") from error


def _images(
    protocol: ProtocolCard, prediction: SubjectPrediction, known: Bools
) -> tuple[Bools, Scores, Bools]:
    """Labels and scores of the images that have both, and which images these are."""
    if ranks_own_scores(protocol, prediction):
        return prediction.image_labels[known], prediction.scores[known], known
    if prediction.maps is None:
        raise _no_maps(prediction)
    inside = region_of(protocol, prediction)
    # An image without foreground has no score.
    filled = np.asarray(inside.any(axis=(1, 2))) & known
    if protocol.score == "map-max":
        scores = prediction.maps.max(axis=(1, 2), where=inside, initial=-np.inf)[filled]
    elif protocol.score == "map-top":
        pairs = zip(prediction.maps[filled], inside[filled], strict=True)
        tops = [_mean_of_highest(one[mask], protocol.top) for one, mask in pairs]
        scores = np.array(tops, dtype=np.float32)
    else:
        total = prediction.maps.sum(axis=(1, 2), where=inside, dtype=np.float64)[filled]
        scores = (total / inside.sum(axis=(1, 2))[filled]).astype(np.float32)
    return prediction.image_labels[filled], scores, filled


def _pooled(protocol: ProtocolCard, labels: Bools, scores: Scores) -> tuple[Bools, Scores]:
    """Labels and scores of images to those of their subject, (1,) each."""
    score = _mean_of_highest(scores, protocol.top_images)
    return np.array([labels.any()]), np.array([score], dtype=np.float32)


def _mean_of_highest(values: Scores, share: float) -> float:
    """Mean of this share of the values, rounded up to whole ones.

    A share of 0.07 of 100 values is 7, though the product is a little more in floats.
    """
    count = max(1, math.ceil(round(share * len(values), 6)))
    highest = np.partition(values, len(values) - count)[-count:]
    # Sorted, so that the sum does not depend on where the pixels lie.
    return float(np.sort(highest).mean(dtype=np.float64))
