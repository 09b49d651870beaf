"""Compares the images of a dataset with each other: outliers, and twins under two names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from bench.data.check.summary import Summary
from bench.data.findings import Finding

# Fewer images say nothing about what is usual.
_FEWEST = 5
# An outlier is so many robust standard deviations off, and by so large a factor.
_DEVIATIONS = 6.0
_FACTORS = {"voxel volume (mm3)": 1.5, "foreground (l)": 1.35, "pixels": 2.0}
_FACTOR = 4.0
# Correlation of thumbnails. Volumes: of 30 people of IXI the most alike pair has 0.973, of
# OASIS-1 0.956; a copy with other brightness, 10 % noise and another crop has 0.99996.
ALIKE_VOLUMES = 0.995
ALIKE_PICTURES = 0.999
# All pairs are compared up to so many images.
_MOST = 20_000
_BLOCK = 1000


def compare(summaries: Sequence[Summary], identical: set[frozenset[str]]) -> Iterator[Finding]:
    """Find what stands out and what is too much alike.

    Args:
        summaries: of one layout.
        identical: pairs of files that are known to have the same content.
    """
    for modality in sorted({one.modality for one in summaries}):
        group = [one for one in summaries if one.modality == modality]
        yield from _axes(group)
        yield from _measures(group)
        yield from _twins(group, identical)


def _axes(group: Sequence[Summary]) -> Iterator[Finding]:
    counts = Counter(one.axes for one in group)
    (usual, count), *_ = counts.most_common(1)
    if len(group) < _FEWEST or count < 0.8 * len(group):
        return
    for one in group:
        if one.axes != usual:
            yield Finding(
                "warning",
                one.where,
                f"its axes point to {one.axes}, those of the other {one.modality} images to"
                f" {usual}",
                "look with `bench data show` whether it is upright; else repair the header",
            )


def _measures(group: Sequence[Summary]) -> Iterator[Finding]:
    if len(group) < _FEWEST:
        return
    for name in group[0].measures:
        values = np.array([one.measures[name] for one in group])
        logs = np.log(np.maximum(values, np.finfo(np.float64).tiny))
        middle = float(np.median(logs))
        spread = 1.4826 * float(np.median(np.abs(logs - middle)))
        limit = max(np.log(_FACTORS.get(name, _FACTOR)), _DEVIATIONS * spread)
        for one, value, log in zip(group, values, logs, strict=True):
            if abs(log - middle) > limit:
                yield Finding(
                    "warning",
                    one.where,
                    f"{name} is {value:.4g}; the median of the other {one.modality} images is"
                    f" {np.exp(middle):.4g}",
                    "look at it with `bench data show`; a wrong header, unit or export?",
                )


def _twins(group: Sequence[Summary], identical: set[frozenset[str]]) -> Iterator[Finding]:
    if len(group) > _MOST:
        yield Finding(
            "info",
            f"modality {group[0].modality}",
            f"{len(group)} images are too many to compare each with each; only identical files"
            " were looked for",
            "",
        )
        return
    alike = ALIKE_VOLUMES if group[0].axes else ALIKE_PICTURES
    matrix = np.stack([one.thumbnail for one in group])
    for start in range(0, len(group), _BLOCK):
        close = matrix[start : start + _BLOCK] @ matrix.T
        for row, column in np.argwhere(close > alike):
            first, second = group[start + int(row)], group[int(column)]
            pair = frozenset((first.where, second.where))
            if start + row >= column or first.subject == second.subject or pair in identical:
                continue
            yield Finding(
                "warning",
                first.where,
                f"suspiciously similar to {second.where}: correlation"
                f" {close[row, column]:.4f}, between people at most about 0.97",
                "find out whether they are one person; if so, keep one or give both one id",
            )
