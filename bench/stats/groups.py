"""Groups of a quantity, cut at its quantiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GROUPS = 3
"""How many groups a quantity is cut into."""


@dataclass(frozen=True)
class Group:
    """Values from ``low`` to ``high``, both of which occur.

    Attributes:
        label: ``31 to 42``; one number where all values print alike.
    """

    low: float
    high: float
    label: str


def quantile_groups(values: npt.ArrayLike, *, groups: int = GROUPS) -> list[Group]:
    """Cut values at their quantiles into groups that hold about equally many.

    Equal values stay together, so there may be fewer groups.

    Args:
        values: (n,), finite.
        groups: how many at most.

    Returns:
        Upwards; every value is in exactly one.
    """
    ranked = np.sort(np.asarray(values, dtype=np.float64))
    if not ranked.size:
        return []
    shares = np.arange(1, groups) / groups
    # Each edge is a value that occurs: the highest one of its group.
    edges = np.unique(np.append(np.quantile(ranked, shares, method="lower"), ranked[-1]))
    low = np.append(ranked[0], ranked[np.searchsorted(ranked, edges[:-1], side="right")])
    pairs = list(zip(low.tolist(), edges.tolist(), strict=True))
    labels = _labels(pairs)
    return [Group(*pair, label) for pair, label in zip(pairs, labels, strict=True)]


def _labels(pairs: list[tuple[float, float]]) -> list[str]:
    """The ends with as many digits as tell the groups apart, at least three."""
    labels: list[str] = []
    for digits in range(3, 18):
        texts = [[_plain(end, digits) for end in pair] for pair in pairs]
        labels = [low if low == high else f"{low} to {high}" for low, high in texts]
        if len(set(labels)) == len(labels):
            break
    return labels


def _plain(value: float, digits: int) -> str:
    """A number without an exponent, with so many digits that count."""
    text = np.format_float_positional(value, precision=digits, fractional=False, trim="-")
    return str(text)
