"""Some of a subject's images: those of a range of slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.cards.protocols import SliceRange
from bench.protocol.cases import Bools, need_stack
from bench.store.predictions import SubjectPrediction


def within(prediction: SubjectPrediction, wanted: SliceRange) -> SubjectPrediction:
    """The slices of a stack that are in a range, which may be none.

    Raises:
        NotApplicable: single images have no slices.
    """
    return some_images(prediction, _chosen(prediction, wanted))


def some_images(prediction: SubjectPrediction, chosen: Bools) -> SubjectPrediction:
    """A stack cut down to neighbouring images.

    Args:
        prediction: of S images.
        chosen: (S,) bool; the True ones are neighbours.
    """
    at = np.flatnonzero(chosen)
    part = slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0, 0)
    geometry = prediction.geometry
    return replace(
        prediction,
        maps=None if prediction.maps is None else prediction.maps[part],
        scores=prediction.scores[part],
        masks=prediction.masks[part],
        labels=None if prediction.labels is None else prediction.labels[part],
        ignored=None if prediction.ignored is None else prediction.ignored[part],
        image_labels=prediction.image_labels[part],
        geometry=None if geometry is None else geometry.part(part),
    )


def _chosen(prediction: SubjectPrediction, wanted: SliceRange) -> Bools:
    need_stack(prediction, "slices of a volume")
    if prediction.geometry is None:  # for the type checker: need_stack has refused it
        return np.zeros(0, dtype=np.bool_)
    if wanted.unit == "input":
        height, width = prediction.masks.shape[1:]
        numbers = np.floor(prediction.geometry.input_slices((height, width)) + 0.5)
    else:
        numbers = (prediction.geometry.positions.astype(np.float64) + 1) / 2
    chosen: Bools = (numbers >= wanted.first) & (numbers <= wanted.last)
    if wanted.unit == "share" and not chosen.any():
        chosen[np.abs(numbers - (wanted.first + wanted.last) / 2).argmin()] = True
    return chosen
