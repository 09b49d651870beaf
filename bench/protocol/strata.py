"""Numbers of parts of the test data: by subject, by slice position, by size or contrast of lesions.

Each stratum is a view on the same processed predictions, and a protocol is applied to it as to the
whole: lesions of other strata count neither as lesion nor as normal. Validation images are the
same for all strata, so a calibrated threshold is too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.metrics.regions import Dimensions, connected_regions
from bench.protocol.apply import numbers_of
from bench.protocol.cases import NotApplicable, need_stack
from bench.protocol.held import Passes
from bench.protocol.parts import some_images
from bench.protocol.postprocess import processed_passes
from bench.stats.groups import Group, quantile_groups
from bench.store.predictions import SubjectPrediction
from bench.store.strata import Stratum

Lesionwise = Literal["lesion-size", "contrast"]
LESIONWISE: tuple[Lesionwise, ...] = ("lesion-size", "contrast")
POSITION = "slice-position"
_THIRDS = ("lowest third", "middle third", "highest third")

View = Callable[[SubjectPrediction], SubjectPrediction | None]


def stratified(
    protocol: ProtocolCard,
    predictions: Passes,
    by: str,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> list[Stratum]:
    """Apply a protocol to each stratum of the test data.

    Args:
        protocol: how numbers are made.
        predictions: gives a fresh pass over the subjects, test and validation.
        by: ``lesion-size``, ``contrast``, ``slice-position``, or any other word with ``groups``.
        groups: ids of the subjects of each stratum, by its name; for strata of subjects.

    Raises:
        NotApplicable: the protocol has no such strata, or predictions do not hold what they
            need.
        MetricError: a map or score is NaN or infinite.
    """
    if groups is None and by in LESIONWISE:
        return _by_lesions(protocol, predictions, by)
    with processed_passes(protocol, predictions) as passes:
        if groups is not None:
            views = {name: _of_subjects(frozenset(ids)) for name, ids in groups.items()}
        else:
            views = {name: _of_slices(at) for at, name in enumerate(_THIRDS)}
        return [_stratum(name, protocol, _seen(passes, view)) for name, view in views.items()]


def _by_lesions(protocol: ProtocolCard, predictions: Passes, by: str) -> list[Stratum]:
    """Strata of lesions, which are told apart on whole stacks, before any step.

    A protocol that cuts or resizes stacks would join lesions and cut others apart, so it takes its
    steps once per stratum, after the others' lesions are set aside. Other steps leave labels as
    they are and are taken once.
    """
    if protocol.level == "subject":
        raise NotApplicable(
            f"{protocol.id} gives each subject one score, which no single lesion made; a column "
            "of the table of subjects groups subjects"
        )
    views = _of_lesions(
        predictions,
        "lesion-size" if by == "lesion-size" else "contrast",
        of_images=protocol.level == "image",
    )
    if protocol.size is None and protocol.slices is None:
        with processed_passes(protocol, predictions) as passes:
            return [_stratum(name, protocol, _seen(passes, view)) for name, view in views.items()]
    found = []
    for name, view in views.items():
        with processed_passes(protocol, _seen(predictions, view)) as passes:
            found.append(_stratum(name, protocol, passes))
    return found


def _seen(passes: Passes, view: View) -> Passes:
    """Passes over what a view leaves of the test subjects, and over validation as it is."""

    def seen() -> Iterator[SubjectPrediction]:
        for one in passes():
            kept = one if one.role == "validation" else view(one)
            if kept is not None:
                yield kept

    return seen


def _stratum(name: str, protocol: ProtocolCard, seen: Passes) -> Stratum:
    subjects = images = 0
    lesions: int | None = 0
    for one in seen():
        if one.role != "test" or not len(one.masks):
            continue
        subjects, images = subjects + 1, images + len(one.masks)
        if one.labels is None:
            lesions = None
        elif lesions is not None:
            lesions += connected_regions(np.asarray(one.labels), _dimensions(one))[1]
    numbers = numbers_of(protocol, seen)
    abnormal = None
    if numbers.status == "done":
        abnormal = sum(one.positives > 0 for one in numbers.per_subject.values())
    return Stratum(name, subjects, images, lesions, abnormal, numbers)


# --- views --------------------------------------------------------------------------------------


def _of_subjects(ids: frozenset[str]) -> View:
    return lambda one: one if one.subject in ids else None


def _of_slices(third: int) -> View:
    """Slices by their place between the first and the last; one on a border is in the upper third.

    A stack of one slice is in the middle.
    """

    def view(one: SubjectPrediction) -> SubjectPrediction | None:
        need_stack(one, "slices of a volume")
        if not len(one.masks):
            return None  # the protocol's own range of slices left none
        slices = np.arange(len(one.masks)) if one.geometry is None else one.geometry.slices
        length = int(slices[-1] - slices[0])
        thirds = np.minimum(len(_THIRDS) * (slices - slices[0]) // max(length, 1), 2)
        chosen = (thirds if length else np.ones(1)) == third
        return some_images(one, chosen) if chosen.any() else None

    return view


def _of_lesions(passes: Passes, by: Lesionwise, *, of_images: bool) -> dict[str, View]:
    """Views by groups of lesions, cut at the quantiles over all test subjects.

    Args:
        passes: over whole stacks, before any step.
        by: what lesions are grouped by.
        of_images: images are ranked, so that they are abnormal by the group's lesions too.
    """
    values: dict[str, npt.NDArray[np.float64]] = {}
    volumes: set[bool] = set()
    for one in passes():
        if one.role == "test":
            values[one.subject] = _lesion_values(one, by)
            volumes.add(one.geometry is not None)
    every = np.concatenate([*values.values(), np.empty(0)])
    unit = "SD" if by == "contrast" else "ml" if volumes == {True} else "pixels"
    known = every[np.isfinite(every)]
    if not known.size:
        raise NotApplicable("there is no lesion in the test images")
    groups = quantile_groups(known)
    views = {f"{one.label} {unit}": _lesion_view(values, one, of_images) for one in groups}
    if known.size < every.size:
        views["not stated"] = _lesion_view(values, None, of_images)
    return views


def _lesion_view(
    values: Mapping[str, npt.NDArray[np.float64]], group: Group | None, of_images: bool
) -> View:
    def view(one: SubjectPrediction) -> SubjectPrediction:
        own = values[one.subject]
        kept = ~np.isfinite(own) if group is None else (own >= group.low) & (own <= group.high)
        labels = np.asarray(one.labels)
        regions, _ = connected_regions(labels, _dimensions(one))
        chosen = np.concatenate([[False], kept])[regions]
        others = labels & ~chosen
        ignored = others if one.ignored is None else others | np.asarray(one.ignored)
        # An image with lesions of other groups alone is neither abnormal nor normal: it holds
        # ignored pixels and no lesion, and such images are not ranked.
        abnormal = np.asarray(chosen.any(axis=(1, 2))) if of_images else one.image_labels
        return replace(one, labels=chosen, ignored=ignored, image_labels=abnormal)

    return view


def _lesion_values(one: SubjectPrediction, by: Lesionwise) -> npt.NDArray[np.float64]:
    """(L,) of each lesion its size in ml (in pixels without a volume), or its contrast in SD."""
    if one.labels is None:
        raise NotApplicable("the dataset has no pixel labels")
    regions, number = connected_regions(np.asarray(one.labels), _dimensions(one))
    if by == "contrast":
        if one.contrasts is None or len(one.contrasts) != number:
            raise NotApplicable("an older bench kept no contrast of lesions")
        return one.contrasts.astype(np.float64)
    sizes = np.bincount(regions[regions > 0], minlength=number + 1)[1:].astype(np.float64)
    if one.geometry is None:
        return sizes
    ml: npt.NDArray[np.float64] = sizes * float(np.prod(one.geometry.spacing_mm)) / 1000
    return ml


def _dimensions(one: SubjectPrediction) -> Dimensions:
    return 2 if one.geometry is None else 3
