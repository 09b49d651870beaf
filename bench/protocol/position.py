"""Image scores and the position of the slice: standardised by it, or compared at like position."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.cards import ProtocolCard
from bench.protocol.cases import Cases, NotApplicable, Standard, cases_of
from bench.protocol.held import Passes

Floats = npt.NDArray[np.float64]
_AT_ONCE = 4096  # abnormal images resampled at once, to bound memory
FEWEST = 10  # normal validation images that a mean and a standard deviation are taken from


def standard_of(protocol: ProtocolCard, passes: Passes) -> Standard | None:
    """What the protocol's image scores are standardised by; None where it asks for nothing.

    Raises:
        NotApplicable: there are no normal validation images, or no positions.
    """
    if protocol.standardise is None:
        return None
    first = next((one for one in passes() if one.role == "test"), None)
    if first is not None:
        cases_of(protocol, first)  # without maps that is the reason to give
    # Images are standardised, also where they are pooled into a subject's score afterwards.
    images = protocol.model_copy(update={"level": "image"})
    normal = [cases_of(images, one) for one in passes() if one.role == "validation"]
    positions = [one.positions for one in normal if one.positions is not None]
    if not sum(one.total for one in normal):
        raise NotApplicable("there are no normal validation images to standardise by")
    scores = np.concatenate([one.scores for one in normal]).astype(np.float64)
    return PositionStandard(np.concatenate(positions), scores, protocol.position_mm)


class PositionStandard:
    """Mean and standard deviation of the scores of normal images, by position.

    Args:
        positions: (N,) of normal validation images, in mm.
        scores: (N,) of the same images.
        width: half width of the window, in mm; it grows to the nearest `FEWEST` images.
    """

    def __init__(self, positions: Floats, scores: Floats, width: float) -> None:
        self._positions, self._scores, self._width = positions, scores, width
        # A window may hold equal scores only, and must not divide by 0.
        overall = float(scores.std()) or 1.0
        self._smallest = 1e-3 * overall

    def apply(
        self, positions: npt.NDArray[np.float64], scores: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Standardise the scores of images at these positions."""
        moments = {position: self._moments(position) for position in np.unique(positions)}
        mean, sd = np.array([moments[one] for one in positions]).reshape(-1, 2).T
        standardised: npt.NDArray[np.float32] = ((scores - mean) / sd).astype(np.float32)
        return standardised

    def _moments(self, position: float) -> tuple[float, float]:
        distance = np.abs(self._positions - position)
        needed = np.sort(distance)[min(FEWEST, len(distance)) - 1]
        near = self._scores[distance <= max(self._width, needed)]
        return float(near.mean()), max(float(near.std()), self._smallest)


class Matched:
    """Placement values of abnormal images among the normal ones at like position.

    Source: Janes and Pepe 2009, "Adjusting for covariate effects on classification accuracy using
    the covariate-adjusted receiver operating characteristic curve", Biometrika 96: the area under
    that curve is the mean over cases of one minus their placement value among the controls with
    the case's covariate. Chosen here: the covariate is the slice's position, and controls have it
    if they are within ``width``.

    Args:
        cases: of all test subjects, with positions.
        width: half width of the window, in mm.

    Attributes:
        alone: per subject, abnormal images without a normal one at like position.
    """

    def __init__(self, cases: list[Cases], width: float) -> None:
        group = np.concatenate([np.full(one.total, at) for at, one in enumerate(cases)])
        labels = np.concatenate([one.labels for one in cases])
        scores = np.concatenate([one.scores for one in cases])
        positions = np.concatenate(
            [np.empty(0) if one.positions is None else one.positions for one in cases]
        )
        count = len(cases)
        ill, well = np.flatnonzero(labels), np.flatnonzero(~labels)
        # Per abnormal image and subject: normal images at like position, and those below it.
        self._near = np.zeros((len(ill), count), dtype=np.float32)
        self._below = np.zeros((len(ill), count), dtype=np.float32)
        owners = group[well]
        for row, at in enumerate(ill):
            near = np.abs(positions[well] - positions[at]) <= width
            share = (scores[well] < scores[at]) + 0.5 * (scores[well] == scores[at])
            self._near[row] = np.bincount(owners[near], minlength=count)
            self._below[row] = np.bincount(owners[near], share[near], minlength=count)
        self._owner = group[ill]
        self._count = count
        lonely = self._near.sum(axis=1) == 0
        self.alone = np.bincount(self._owner[lonely], minlength=count)

    @property
    def positives(self) -> int:
        """Abnormal images that enter."""
        return int((self._near.sum(axis=1) > 0).sum())

    def value(self) -> float:
        """The area under the covariate-adjusted ROC curve."""
        return float(self.resampled(np.ones((1, self._count), dtype=np.int64))[0])

    def own(self, subject: int) -> float | None:
        """The same within one subject; None where no image of it has a match there."""
        draw = np.zeros((1, self._count), dtype=np.int64)
        draw[0, subject] = 1
        value = float(self.resampled(draw)[0])
        return None if np.isnan(value) else value

    def resampled(self, draws: npt.NDArray[np.int64]) -> Floats:
        """(R,) values when subjects are drawn as often as (R, G) draws say; NaN without a pair."""
        times = draws.astype(np.float64)
        total, found = np.zeros(len(draws)), np.zeros(len(draws))
        for start in range(0, len(self._owner), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            near, below = times @ self._near[some].T, times @ self._below[some].T
            weight = times[:, self._owner[some]] * (near > 0)
            total += weight.sum(axis=1)
            found += (weight * np.divide(below, near, out=below, where=near > 0)).sum(axis=1)
        values: Floats = np.full(len(draws), np.nan)
        np.divide(found, total, out=values, where=total > 0)
        return values
