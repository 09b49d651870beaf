"""Which lesions are found at so many false positives, and the size found in half of the cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError
from bench.stats.draws import subject_draws
from bench.stats.intervals import Floats
from bench.stats.limits import ALPHA, LEAST_SUBJECTS

Values = npt.NDArray[np.floating[Any]]

_ROUNDS = 40
_LARGEST_STEP = 2.0  # of a coefficient in one round, so that the first rounds do not overshoot


@dataclass(frozen=True)
class Seen:
    """What a method says of one inserted lesion.

    Attributes:
        volume: the normal volume it was put into.
        diameter_mm: of a ball of its size.
        contrast: above 0.
        score: highest value of the map at the lesion.
        twin: highest value of the map of the twin at the same place.
    """

    volume: str
    diameter_mm: float
    contrast: float
    score: float
    twin: float


@dataclass(frozen=True)
class Limit:
    """The size that is found in half of the cases, at one contrast.

    Attributes:
        contrast: of the lesions.
        diameter_mm: infinite where the fit says that no size is found in half of the cases.
        low: lower end of its 95 % interval; None with too few volumes.
        high: upper end, as ``low``; may be infinite.
    """

    contrast: float
    diameter_mm: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Fitted:
    """The detection limit of one method.

    Attributes:
        volumes: how many normal volumes.
        lesions: how many were put in.
        found: how many of them are found.
        shares: by diameter and contrast, the share that is found.
        limits: per contrast.
        coefficients: (3,) of the logit: constant, natural logarithm of the diameter in mm, of the
            contrast.
    """

    volumes: int
    lesions: int
    found: int
    shares: Mapping[tuple[float, float], float]
    limits: tuple[Limit, ...]
    coefficients: tuple[float, float, float]


def fit_limit(
    seen: Sequence[Seen],
    peaks: Mapping[str, Values],
    contrasts: Sequence[float],
    *,
    rate: float = 1.0,
) -> Fitted:
    """Fit the share of lesions that is found, as a logistic function of size and contrast.

    A lesion is found where the map exceeds the threshold at it and the twin's map does not at the
    same place: what anatomy alone gives counts for nothing. The threshold is the lowest with at
    most ``rate`` peaks per twin. Intervals are by bootstrap over volumes, threshold and fit made
    again in each resample.

    Args:
        seen: of every lesion.
        peaks: per volume, the values of the peaks of its twin's map.
        contrasts: at which the limit is told.
        rate: false positives per volume.

    Raises:
        MetricError: there are no lesions, or only of one size or one contrast.

    Source:
        Firth, "Bias reduction of maximum likelihood estimates", Biometrika 80, 1993: finite
        where all lesions beyond some size are found, too.
    """
    sizes, shares = {one.diameter_mm for one in seen}, {one.contrast for one in seen}
    if len(sizes) < 2 or len(shares) < 2:
        raise MetricError("a detection limit needs lesions of two sizes and two contrasts or more")
    volumes = sorted(peaks)
    every = subject_draws(volumes)
    draws = np.concatenate([np.ones((1, len(volumes)), np.int64), every[every.any(axis=1)]])
    found = _found(seen, peaks, volumes, draws, rate)
    cells = sorted({(one.diameter_mm, one.contrast) for one in seen})
    cell = np.array([cells.index((one.diameter_mm, one.contrast)) for one in seen])
    owner = np.array([volumes.index(one.volume) for one in seen])
    weight = draws[:, owner].astype(np.float64)
    group = np.eye(len(cells))[cell]
    tried, hits = weight @ group, (weight * found) @ group
    design = np.column_stack([np.ones(len(cells)), np.log(np.array(cells))])
    fits = firth(design, hits, tried)
    limits = tuple(_limit(fits, contrast, len(volumes)) for contrast in contrasts)
    constant, size, strength = (float(one) for one in fits[0])
    return Fitted(
        volumes=len(volumes),
        lesions=len(seen),
        found=int(found[0].sum()),
        shares={one: float(hits[0, at] / tried[0, at]) for at, one in enumerate(cells)},
        limits=limits,
        coefficients=(constant, size, strength),
    )


def _found(
    seen: Sequence[Seen],
    peaks: Mapping[str, Values],
    volumes: Sequence[str],
    draws: npt.NDArray[np.int64],
    rate: float,
) -> npt.NDArray[np.bool_]:
    """(R, L) whether each lesion is found at the threshold of each resample."""
    scores = np.concatenate([np.asarray(peaks[one], dtype=np.float64) for one in volumes])
    owner = np.repeat(np.arange(len(volumes)), [len(peaks[one]) for one in volumes])
    order = np.argsort(-scores, kind="stable")
    above = np.cumsum(draws[:, owner[order]], axis=1) > rate * draws.sum(axis=1, keepdims=True)
    # What exceeds the first peak that would be one too many has few enough peaks beside it.
    thresholds = np.full(len(draws), -np.inf)
    some = above.any(axis=1)
    thresholds[some] = scores[order][above.argmax(axis=1)[some]]
    score = np.array([one.score for one in seen])
    twin = np.array([one.twin for one in seen])
    limit = thresholds[:, None]
    return np.asarray((score > limit) & ~(twin > limit))


def firth(design: Floats, hits: Floats, tried: Floats) -> Floats:
    """Logistic regression with Firth's correction, for many weightings at once.

    Args:
        design: (K, P) of K groups.
        hits: (R, K) how many of each group are positive.
        tried: (R, K) how many there are.

    Returns:
        (R, P) coefficients.
    """
    mean, scale = design[:, 1:].mean(axis=0), design[:, 1:].std(axis=0)
    x = np.column_stack([design[:, 0], (design[:, 1:] - mean) / scale])
    found = np.zeros((len(hits), x.shape[1]))
    ridge = 1e-9 * np.eye(x.shape[1])
    for _ in range(_ROUNDS):
        p = 1.0 / (1.0 + np.exp(-np.clip(found @ x.T, -30, 30)))
        w = tried * p * (1 - p)
        inverse = np.linalg.inv(np.einsum("ka,rk,kb->rab", x, w, x) + ridge)
        hat = w * np.einsum("ka,rab,kb->rk", x, inverse, x)
        score = (hits - tried * p + hat * (0.5 - p)) @ x
        step = np.clip(np.einsum("rab,rb->ra", inverse, score), -_LARGEST_STEP, _LARGEST_STEP)
        found += step
        if np.abs(step).max() < 1e-9:
            break
    slopes = found[:, 1:] / scale
    return np.column_stack([found[:, 0] - slopes @ mean, slopes])


def _limit(fits: Floats, contrast: float, volumes: int) -> Limit:
    diameters = np.array([limit_at(one, contrast) for one in fits])
    low = high = None
    if volumes >= LEAST_SUBJECTS:
        ranked = np.sort(diameters[1:])  # a quantile between finite and infinite is infinite
        at = np.array([ALPHA / 2, 1 - ALPHA / 2]) * (ranked.size - 1)
        low, high = float(ranked[int(np.floor(at[0]))]), float(ranked[int(np.ceil(at[1]))])
    return Limit(contrast, float(diameters[0]), low, high)


def limit_at(coefficients: Sequence[float] | Floats, contrast: float) -> float:
    """The diameter found in half of the cases; infinite where larger lesions are not found more."""
    constant, size, strength = (float(one) for one in coefficients)
    if size <= 0:
        return float(np.inf)
    return float(np.exp(np.clip(-(constant + strength * np.log(contrast)) / size, -50, 50)))
