"""The best, the median and the worst subject of a cell: input, map and truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cards import ProtocolCard
from bench.errors import UnknownName
from bench.metrics.table import sign_of
from bench.store.predictions import SubjectPrediction, read_subject, shown_image
from bench.store.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Bools = npt.NDArray[np.bool_]

STANDINGS = ("best", "median", "worst")
CHOSEN = "chosen"


@dataclass(frozen=True)
class Shown:
    """One image of one subject.

    Attributes:
        standing: one of `STANDINGS`, or `CHOSEN`.
        value: the subject's own value of the metric; of a chosen subject it may be NaN, for none.
        at: index of the image in the subject's stack, of ``of`` images.
        input: (H, W) float32, first channel; None where the cell kept no preview.
        map: (H, W) float32, raw.
        inside: (H, W) bool, foreground.
        lesion: (H, W) bool; None without pixel labels.
        abnormal: whether the image holds a lesion, as its class says.
        steps: what the method computes between input and map, by name: (H, W) or (H, W, 3)
            float32 in the scale of the input. Empty unless a fit was asked (see
            `bench.detector.Explains`).
    """

    standing: str
    subject: str
    value: float
    at: int
    of: int
    input: Floats | None
    map: Floats
    inside: Bools
    lesion: Bools | None
    abnormal: bool
    steps: dict[str, Floats] = field(default_factory=dict)


def chosen_subjects(record: Record, protocol: str, metric: str) -> list[tuple[str, str, float]]:
    """Standing, subject and value of the best, the median and the worst subject.

    Subjects without a value of their own (one class only) have no standing. Of an even number of
    subjects the better of the middle two is the median one; fewer than three leave standings out.
    """
    numbers = record.protocols.get(protocol)
    if numbers is None:
        return []
    valued = [
        (one.metrics[metric], subject)
        for subject, one in numbers.per_subject.items()
        if metric in one.metrics
    ]
    return _with_standings(sorted(valued, key=lambda one: (-sign_of(metric) * one[0], one[1])))


def _with_standings(ranked: Sequence[tuple[float, str]]) -> list[tuple[str, str, float]]:
    """Of values and subjects, the best first, those that have a standing."""
    if not ranked:
        return []
    standings = {0: "best", len(ranked) - 1: "worst", (len(ranked) - 1) // 2: "median"}
    if len(ranked) < 3:
        standings = {0: "best", len(ranked) - 1: "worst"}
    if len(ranked) == 1:
        standings = {0: "best"}
    return [(standings[at], ranked[at][1], ranked[at][0]) for at in sorted(standings)]


def ranking(record: Record, protocol: str, metric: str) -> tuple[str, str] | None:
    """The protocol and metric by which a cell's subjects can be ranked.

    Protocols that rank images give a subject with a single image no value of its own; then the
    first of the record's protocols that does stands in, in its newest version.

    Args:
        record: with each subject's numbers.
        protocol: that is wanted.
        metric: of that protocol, and wanted of another one too.

    Returns:
        None where no protocol gives a subject a value of its own.
    """
    if chosen_subjects(record, protocol, metric):
        return protocol, metric
    others = []
    for name, numbers in record.protocols.items():
        valued = {key for one in numbers.per_subject.values() for key in one.metrics}
        if valued:
            base, _, version = name.partition("@")
            own = metric if metric in valued else min(valued)
            others.append(((own != metric, base, -int(version)), (name, own)))
    return min(others)[1] if others else None


def named_subjects(
    record: Record, protocol: str, metric: str, names: Sequence[str]
) -> list[tuple[str, str, float]]:
    """The same of subjects that were asked for, in that order; NaN for one without a value.

    Raises:
        UnknownName: no such test subject.
    """
    numbers = record.protocols.get(protocol)
    known = record.subjects.test
    for name in names:
        if name not in known:
            raise UnknownName("test subject", name, known)
    own = {} if numbers is None else numbers.per_subject
    values = {one: own[one].metrics.get(metric, math.nan) for one in own}
    return [(CHOSEN, name, values.get(name, math.nan)) for name in dict.fromkeys(names)]


def shown_subjects(
    record: Record, folder: Path, protocol: str, metric: str, names: Sequence[str] = ()
) -> list[Shown]:
    """What a gallery shows of a cell, the best subject first; empty where no maps were kept.

    Args:
        record: with each subject's numbers.
        folder: the cell's predictions.
        protocol: whose numbers choose the subjects.
        metric: of that protocol.
        names: only these subjects; empty for the best, the median and the worst.

    Raises:
        UnknownName: no such test subject.
        StoreError: a prediction file is damaged.
    """
    chosen = (
        named_subjects(record, protocol, metric, names)
        if names
        else chosen_subjects(record, protocol, metric)
    )
    return _drawn(folder, chosen)


def shown_by_rank(folder: Path, protocol: ProtocolCard) -> list[Shown]:
    """The same where no subject has a value of its own: by `ranked_right` among all images.

    Raises:
        StoreError: a prediction file is damaged.
    """
    from bench.report.figures.ranked import ranked_right

    found = ranked_right(folder, protocol)
    ranked = sorted(((value, subject) for subject, value in found.items()),
                    key=lambda one: (-one[0], one[1]))  # fmt: skip
    return _drawn(folder, _with_standings(ranked))


def _drawn(folder: Path, chosen: Sequence[tuple[str, str, float]]) -> list[Shown]:
    found = []
    for standing, subject, value in chosen:
        kept = read_subject(folder, "test", subject)
        maps = None if kept is None else kept.unsigned_maps
        if kept is not None and maps is not None:
            found.append(_shown(standing, value, kept, maps))
    return found


def shared_scale(shown: Sequence[Shown]) -> tuple[float, float]:
    """One range of map values for all of a cell's pictures.

    The 1st and the 99.5th percentile of the foreground of all images shown; values beyond are
    drawn as the ends.
    """
    import numpy as np

    inside = [one.map[one.inside] for one in shown]
    values = np.concatenate(inside) if inside else np.empty(0)
    if not values.size:
        return 0.0, 1.0
    low, high = np.quantile(values, [0.01, 0.995])
    return float(low), float(high)


def _shown(standing: str, value: float, kept: SubjectPrediction, maps: Floats) -> Shown:
    import numpy as np

    at = shown_image(kept.masks, kept.labels)
    return Shown(
        standing=standing,
        subject=kept.subject,
        value=value,
        at=at,
        of=len(kept.masks),
        input=None if kept.preview is None else kept.preview.astype(np.float32),
        map=maps[at],
        inside=kept.masks[at],
        lesion=None if kept.labels is None else kept.labels[at],
        abnormal=bool(kept.image_labels[at]),
    )
