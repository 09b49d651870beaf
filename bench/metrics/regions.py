"""Metrics that count connected regions: per-region overlap (AUPRO) and lesion-wise F1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import cc3d
import numpy as np
import numpy.typing as npt

from bench.errors import MetricError, UndefinedMetric
from bench.metrics.checks import Array, Reals, as_scores, as_truth
from bench.metrics.counts import Floats, Measure, RankingCounts, Stretch
from bench.metrics.negatives import Counts

Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int32]
Dimensions = Literal[2, 3]

FALSE_POSITIVE_LIMIT = 0.3
# Least intersection over union of a lesion and a component that match.
MATCH_IOU = 0.1
# How many thresholds an oracle tries at most.
ORACLE_THRESHOLDS = 32


def connected_regions(truth: Bools, dimensions: Dimensions) -> tuple[Numbers, int]:
    """Number the connected regions; pixels that touch at a corner are connected.

    Args:
        truth: (S, H, W) bool.
        dimensions: 2 for regions within each image, 3 for regions of the stack.

    Returns:
        (S, H, W) int32, from 1, and 0 outside; and the number of regions.
    """
    regions = np.zeros(truth.shape, dtype=np.int32)
    total = 0
    for part, labelled, number in _labelled(truth, dimensions):
        np.add(labelled, np.int32(total), out=regions[part], where=labelled > 0)
        total += number
    return regions, total


def _labelled(truth: Bools, dimensions: Dimensions) -> Iterator[tuple[slice, Numbers, int]]:
    """Regions of the stack, or of each image with any: where, numbered from 1, and how many."""
    truth = np.require(truth, requirements="W")  # cc3d takes no memory-mapped array
    if dimensions == 3:
        labelled, number = cc3d.connected_components(truth, connectivity=26, return_N=True)
        yield slice(None), labelled.astype(np.int32), int(number)
        return
    for image in np.flatnonzero(truth.any(axis=(1, 2))):
        labelled, number = cc3d.connected_components(truth[image], connectivity=8, return_N=True)
        yield slice(image, image + 1), labelled.astype(np.int32)[None], int(number)


def region_weights(truth: Bools, dimensions: Dimensions) -> Floats:
    """One over the size of its region, for every True pixel in C order; each region sums to 1.

    Args:
        truth: (S, H, W) bool.
        dimensions: 2 for regions within each image, 3 for regions of the stack.

    Returns:
        (P,) float64 for the P True pixels.
    """
    numbers, total = [np.empty(0, dtype=np.int32)], 0
    for part, labelled, number in _labelled(truth, dimensions):
        numbers.append(labelled[truth[part]] + np.int32(total))
        total += number
    region = np.concatenate(numbers)
    weights: Floats = 1.0 / np.bincount(region)[region]
    return weights


def aupro_measure(limit: float = FALSE_POSITIVE_LIMIT) -> Measure:
    """Area under the per-region overlap curve, for positives weighted by `region_weights`.

    Every threshold lifts the mean overlap by the weight of its positives, in a straight line
    over the false-positive rates that its ties span; the area right of that, up to the limit,
    is its contribution.

    Args:
        limit: highest false-positive rate, above 0 and at most 1; the area is divided by it.
    """

    def part(s: Stretch) -> Floats:
        left, right = s.fp_before / s.negatives, s.fp / s.negatives
        stop = np.clip(limit, left, right)  # where the limit cuts the line
        span = np.where(right > left, right - left, 1.0)
        area = np.maximum(limit - right, 0.0) + (stop - left) ** 2 / (2.0 * span)
        total: Floats = np.einsum("rk,rk->r", s.tp_gain, area) / (s.positives[:, 0] * limit)
        return total

    return Measure(part, np.add)


AUPRO = aupro_measure()
AUPRO5 = aupro_measure(0.05)


def aupro(
    labels: npt.ArrayLike,
    maps: npt.ArrayLike,
    *,
    dimensions: Dimensions = 2,
    limit: float = FALSE_POSITIVE_LIMIT,
) -> float:
    """Area under the curve of per-region overlap against false-positive rate, up to a limit.

    Every connected region counts alike, however large. Exact: every distinct score is a
    threshold, ties are joined by a straight line.

    Args:
        labels: (S, H, W), or (H, W) for one image; bool, or numbers 0 and 1.
        maps: same shape, any real type, finite; higher is more anomalous.
        dimensions: 2 for regions within each image, 3 for regions of the stack.
        limit: highest false-positive rate, above 0 and at most 1; the area is divided by it.

    Returns:
        From 0 to 1; a constant map gives half of the limit.

    Raises:
        MetricError: shapes differ or are neither 2-D nor 3-D, a label is neither 0 nor 1, a
            value is NaN or infinite, or the limit is out of range.
        UndefinedMetric: empty, or one class only.

    Source:
        Bergmann et al., "The MVTec Anomaly Detection Dataset", IJCV 2021, section 5.3.
    """
    if not 0 < limit <= 1:
        raise MetricError(f"limit must be above 0 and at most 1, found {limit}")
    truth, values = stacks(labels, maps)
    counts = RankingCounts(
        {"all": values[truth]}, weights={"all": region_weights(truth, dimensions)}
    )
    counts.add("all", truth, values)
    return counts.value(aupro_measure(limit))


def lesion_counts(
    truth: Bools, predictions: Iterable[Bools], *, dimensions: Dimensions, min_component: int = 0
) -> Counts:
    """How lesions and predicted components match: by an intersection over union of 0.1 or more.

    Touching alone does not count: to call everything a lesion would find them all.

    Args:
        truth: (S, H, W) bool.
        predictions: T of them, (S, H, W) bool each.
        dimensions: 2 for regions within each image, 3 for regions of the stack.
        min_component: predicted components with fewer pixels are dropped first.

    Returns:
        (T, 4) int64: TP lesions (matched), lesions, TP components (matched), components.
    """
    lesions, number = connected_regions(truth, dimensions)
    sizes = np.bincount(lesions[truth], minlength=number + 1)
    rows = [
        [tp_lesions, number, tp_components, components]
        for tp_lesions, tp_components, components in (
            _matches(truth, lesions, sizes, connected_regions(one, dimensions), min_component)
            for one in predictions
        )
    ]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 4)


def _matches(
    truth: Bools,
    lesions: Numbers,
    lesion_sizes: Counts,
    predicted: tuple[Numbers, int],
    min_component: int,
) -> tuple[int, int, int]:
    """Matched lesions, matched components, components."""
    components, total = predicted
    sizes = np.bincount(components.ravel(), minlength=total + 1)
    kept = sizes >= max(min_component, 1)
    kept[0] = False
    both = truth & kept[components]
    pairs = lesions[both].astype(np.int64) * (total + 1) + components[both]
    pair, shared = np.unique(pairs, return_counts=True)
    lesion, component = np.divmod(pair, total + 1)
    union = lesion_sizes[lesion] + sizes[component] - shared
    matched = shared >= MATCH_IOU * union
    tp_components = np.unique(component[matched]).size
    return np.unique(lesion[matched]).size, tp_components, int(np.count_nonzero(kept))


def f1_of_counts(counts: npt.NDArray[np.number]) -> Floats:
    """Harmonic mean of the shares of matched lesions and of matched components.

    Args:
        counts: (..., 4) as `lesion_counts` gives them, or sums of such.

    Returns:
        (...) float64; 0 without any match, NaN without lesions.
    """
    tp_lesions, lesions, tp_components, components = np.moveaxis(
        np.asarray(counts, dtype=np.float64), -1, 0
    )
    recall = tp_lesions / np.where(lesions > 0, lesions, np.nan)
    precision = tp_components / np.maximum(components, 1.0)
    total = recall + precision
    score: Floats = 2.0 * recall * precision / np.where(total == 0, 1.0, total)
    return score


def lesion_f1(
    labels: npt.ArrayLike,
    maps: npt.ArrayLike,
    threshold: float,
    *,
    dimensions: Dimensions = 2,
    min_component: int = 0,
) -> float:
    """Lesion-wise F1 of ``map > threshold``.

    Recall is the share of lesions that a predicted component matches, precision the share of
    predicted components that match a lesion; they match with an intersection over union of at
    least 0.1.

    Args:
        labels: (S, H, W), or (H, W) for one image; bool, or numbers 0 and 1.
        maps: same shape, any real type, finite.
        threshold: take it from normal validation images: `calibrated_threshold`.
        dimensions: 2 for regions within each image, 3 for regions of the stack.
        min_component: predicted components with fewer pixels are dropped first.

    Returns:
        From 0 to 1; 0 where nothing is predicted.

    Raises:
        MetricError: as `aupro`.
        UndefinedMetric: there is no lesion.

    Source:
        The criterion is that of nnDetection (Baumgartner et al., MICCAI 2021); there it enters
        an average precision over boxes, here an F1 over regions.
    """
    truth, values = stacks(labels, maps)
    if not truth.any():
        raise UndefinedMetric("there is no lesion to find")
    predicted: list[Bools] = [np.greater(values, threshold)]
    counts = lesion_counts(truth, predicted, dimensions=dimensions, min_component=min_component)
    return float(f1_of_counts(counts)[0])


def oracle_lesion_f1(
    labels: npt.ArrayLike,
    maps: npt.ArrayLike,
    *,
    dimensions: Dimensions = 2,
    min_component: int = 0,
) -> float:
    """Lesion-wise F1 at the best of `oracle_thresholds`, chosen by the test labels.

    Args:
        labels: (S, H, W), or (H, W) for one image; bool, or numbers 0 and 1.
        maps: same shape, any real type, finite.
        dimensions: 2 for regions within each image, 3 for regions of the stack.
        min_component: predicted components with fewer pixels are dropped first.

    Returns:
        From 0 to 1.

    Raises:
        MetricError, UndefinedMetric: as `lesion_f1`.
    """
    truth, values = stacks(labels, maps)
    if not truth.any():
        raise UndefinedMetric("there is no lesion to find")
    return max(
        lesion_f1(truth, values, float(t), dimensions=dimensions, min_component=min_component)
        for t in oracle_thresholds(values[truth])
    )


def oracle_thresholds(scores: Array) -> Floats:
    """Thresholds that an oracle tries: even quantiles of the scores of lesion pixels.

    Args:
        scores: (n,) of lesion pixels.

    Returns:
        (m,) float64, distinct and ascending, each one of the scores; at most
        `ORACLE_THRESHOLDS`.
    """
    ranked = np.sort(as_scores(scores))
    steps = (np.arange(ORACLE_THRESHOLDS) + 0.5) / ORACLE_THRESHOLDS
    ranks = np.floor(steps * ranked.size).astype(np.int64)
    return np.unique(ranked[ranks] if ranked.size else ranked).astype(np.float64)


def calibrated_threshold(scores: npt.ArrayLike, *, rate: float = 0.01) -> float:
    """The lowest score that at most a share ``rate`` of normal pixels exceed.

    Args:
        scores: of normal validation pixels, any shape and real type, finite.
        rate: from 0, below 1.

    Raises:
        MetricError: a score is NaN or infinite, or ``rate`` is out of range.
        UndefinedMetric: empty.
    """
    if not 0 <= rate < 1:
        raise MetricError(f"rate must be from 0 and below 1, found {rate}")
    values = as_scores(np.asarray(scores))
    if not values.size:
        raise UndefinedMetric("there are no scores to calibrate on")
    rank = values.size - 1 - int(rate * values.size)
    return float(np.partition(values, rank)[rank])


def stacks(labels: npt.ArrayLike, maps: npt.ArrayLike) -> tuple[Bools, Reals]:
    """Labels and maps, checked, as (S, H, W) each; one image is a stack of one.

    Raises:
        MetricError: as `aupro`.
    """
    truth, values = np.asarray(labels), np.asarray(maps)
    if truth.shape != values.shape:
        raise MetricError(f"labels {truth.shape} and maps {values.shape} differ in shape")
    if truth.ndim not in (2, 3):
        raise MetricError(f"labels and maps must be (H, W) or (S, H, W), found {truth.shape}")
    checked = as_scores(values).reshape(truth.shape)
    stacked = truth.ndim == 3
    return as_truth(truth if stacked else truth[None]), checked if stacked else checked[None]
