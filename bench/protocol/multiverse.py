"""The same predictions under every combination of the choices that papers make differently.

Two levels, each a full factorial of its choices: pixels (smoothing x mask x slices x pooling) and
images (smoothing x mask x slices x pooling x score), each with several metrics. Every combination
is an ordinary protocol, so its number is what `apply_protocol` gives; maps are read once and
smoothed once per value, for both levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.protocol.apply import apply_protocols
from bench.protocol.cases import need_stack
from bench.protocol.held import Passes, held
from bench.protocol.postprocess import processed_passes
from bench.store.predictions import SubjectPrediction
from bench.store.records import ProtocolNumbers

Level = Literal["pixel", "image"]
LEVELS: tuple[Level, ...] = ("pixel", "image")
VERSION = 1
"""Raised when an option, or what it does, changes: numbers that were kept are made again."""

Options = Mapping[str, Mapping[str, Any]]
"""Per option of a choice, the fields of a protocol card that make it."""

# The first option of each choice is what the headline protocols of bench's cards do.
SMOOTHING: Options = {
    "4 % of the side": {"smoothing": 0.04},
    "2 % of the side": {"smoothing": 0.02},
    "none": {"smoothing": 0.0},
}
MASK: Options = {
    "foreground": {"region": "foreground"},
    "foreground less 3 pixels": {"region": "foreground", "erosion": 3},
    "whole image": {"region": "whole"},
}
POOLING: Mapping[Level, Options] = {
    "pixel": {
        "all pixels": {"pool": "pooled"},
        "mean over subjects": {"pool": "subject"},
        "mean over images": {"pool": "image"},
    },
    "image": {"images": {"level": "image"}, "subjects": {"level": "subject", "top_images": 0.1}},
}
SCORE: Options = {
    "highest 1 %": {"score": "map-top", "top": 0.01},
    "mean": {"score": "map-mean"},
    "maximum": {"score": "map-max"},
}
METRICS: Mapping[Level, list[str]] = {
    "pixel": ["ap", "auroc", "oracle_dice"],
    "image": ["ap", "auroc"],
}
ALL_SLICES = "all"
SLICES: Mapping[Level, tuple[str, ...]] = {
    "pixel": (ALL_SLICES, "middle half", "with lesions"),
    "image": (ALL_SLICES, "middle half"),
}
"""Papers take a range of slices, or (pixels alone) only slices that hold a lesion."""


@dataclass(frozen=True)
class Universe:
    """One combination of choices, and what it makes of a cell's predictions.

    Attributes:
        level: what is ranked.
        choices: the option of each choice, without the metric.
        numbers: one number per metric, without those of single subjects.
    """

    level: Level
    choices: dict[str, str]
    numbers: ProtocolNumbers


def apply_multiverse(predictions: Passes, levels: Sequence[Level] = LEVELS) -> list[Universe]:
    """A cell's numbers under every combination of choices.

    Args:
        predictions: gives a pass over the subjects; it is taken once for all levels, and those of
            the role ``test`` are used.
        levels: what is ranked.

    Returns:
        By level, then in the order of the options.

    Raises:
        MetricError: a map or score is NaN or infinite.
    """
    with held(one for one in predictions() if one.role == "test") as passes:
        return sorted(_universes(levels, passes), key=lambda one: levels.index(one.level))


def _universes(levels: Sequence[Level], passes: Passes) -> Iterator[Universe]:
    """In stages, so that maps are smoothed once per value and masks eroded once per value."""
    for smoothing, smooth in SMOOTHING.items():
        with processed_passes(_card(levels[0], smooth), passes) as smoothed:
            for mask, fields in MASK.items():
                with processed_passes(_card(levels[0], fields), smoothed) as masked:
                    for level in levels:  # what is ranked plays no part in what was done so far
                        for slices in SLICES[level]:
                            chosen = {"smoothing": smoothing, "mask": mask, "slices": slices}
                            yield from _pooled(level, chosen, fields["region"], masked)


def _pooled(
    level: Level, chosen: dict[str, str], region: str, passes: Passes
) -> Iterator[Universe]:
    scores: Options = SCORE if level == "image" else {"": {}}
    named: dict[str, tuple[dict[str, str], ProtocolCard]] = {}
    for (pooling, how), (score, what) in product(POOLING[level].items(), scores.items()):
        choices = {**chosen, "pooling": pooling, **({"score": score} if score else {})}
        card = _card(level, {"region": region, **how, **what}, name=f"universe-{len(named)}")
        named[card.id] = choices, card
    taken = _SELECT[chosen["slices"]]
    made = apply_protocols([card for _, card in named.values()], lambda: taken(passes()))
    for name, numbers in made:
        yield Universe(level, named[name][0], numbers.model_copy(update={"per_subject": {}}))


def _card(level: Level, fields: Mapping[str, Any], name: str = "universe") -> ProtocolCard:
    """A protocol with these fields; what they do not say does nothing."""
    base = {"name": name, "version": 1, "title": "", "description": "", "pool": "pooled"}
    card: dict[str, Any] = {**base, "level": level, "metrics": METRICS[level]}
    if level == "image":
        card["score"] = "map-top"
    return ProtocolCard.model_validate({**card, **fields})


def _all(predictions: Iterator[SubjectPrediction]) -> Iterator[SubjectPrediction]:
    return predictions


def _middle(predictions: Iterator[SubjectPrediction]) -> Iterator[SubjectPrediction]:
    """Of each stack the middle half of its slices."""
    for one in predictions:
        need_stack(one, "the middle half")
        at, count = np.arange(len(one.scores)), len(one.scores)
        yield _images(one, (at >= count // 4) & (at < count - count // 4))


def _with_lesions(predictions: Iterator[SubjectPrediction]) -> Iterator[SubjectPrediction]:
    """Images that hold a lesion; a subject without one drops out."""
    for one in predictions:
        if one.image_labels.any():
            yield _images(one, one.image_labels)


_SELECT: Mapping[str, Callable[[Iterator[SubjectPrediction]], Iterator[SubjectPrediction]]] = {
    ALL_SLICES: _all,
    "middle half": _middle,
    "with lesions": _with_lesions,
}


def _images(one: SubjectPrediction, taken: npt.NDArray[np.bool_]) -> SubjectPrediction:
    """Some images of a subject."""
    geometry = one.geometry
    if geometry is not None:
        geometry = replace(geometry, slices=geometry.slices[taken])
    return replace(
        one,
        maps=None if one.maps is None else one.maps[taken],
        scores=one.scores[taken],
        masks=one.masks[taken],
        labels=None if one.labels is None else one.labels[taken],
        ignored=None if one.ignored is None else one.ignored[taken],
        image_labels=one.image_labels[taken],
        geometry=geometry,
    )
