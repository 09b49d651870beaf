"""How the order of pairs of methods hangs on choices, over a full factorial of their options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.errors import MetricError
from bench.stats.intervals import Floats

Choices = Sequence[Mapping[str, str]]
"""Per universe, the option of each choice; all universes have the same choices."""

TOGETHER = "together"
"""What no choice explains alone: choices that act together."""


def variance_shares(values: Floats, choices: Choices) -> dict[str, float]:
    """How much of the variance over universes each choice explains alone.

    Main effects of an analysis of variance of each row; in a full factorial they are orthogonal,
    so shares add up to 1 with what choices explain together. Sums of squares are added over rows.

    Args:
        values: (P, U), such as the sign of the difference of P pairs in U universes.
        choices: of the U universes.

    Returns:
        Per choice, and for `TOGETHER`, from 0 to 1; empty where nothing varies.

    Raises:
        MetricError: the universes are not a full factorial.
    """
    names = require_factorial(choices)
    centred = values - values.mean(axis=1, keepdims=True)
    total = float((centred**2).sum())
    if total <= 1e-12 * max(float((values**2).sum()), 1e-300):
        return {}
    found = {}
    for name in names:
        labels = np.array([one[name] for one in choices])
        parts = [labels == option for option in np.unique(labels)]
        squares = sum(int(part.sum()) * centred[:, part].mean(axis=1) ** 2 for part in parts)
        found[name] = float(np.sum(squares)) / total
    return {**found, TOGETHER: max(1.0 - sum(found.values()), 0.0)}


def turned_alone(signs: Floats, choices: Choices) -> dict[str, float]:
    """How often an order turns when one choice changes and all others stay.

    Args:
        signs: (P, U) of -1, 0 (equal) and 1.
        choices: of the U universes.

    Returns:
        Per choice with several options, the share of all (pair, two universes that differ in this
        choice alone) whose signs are opposite.

    Raises:
        MetricError: the universes are not a full factorial.
    """
    found = {}
    for name in require_factorial(choices):
        groups: dict[tuple[str, ...], list[int]] = {}
        for at, one in enumerate(choices):
            rest = tuple(value for key, value in sorted(one.items()) if key != name)
            groups.setdefault(rest, []).append(at)
        columns = np.array(list(groups.values()))  # (groups, options)
        first, second = np.triu_indices(columns.shape[1], 1)
        if first.size:
            product = signs[:, columns[:, first]] * signs[:, columns[:, second]]
            found[name] = float((product < 0).mean())
    return found


def require_factorial(choices: Choices) -> list[str]:
    """The choices, where the universes are every combination of their options once.

    Raises:
        MetricError: they are not.
    """
    names = list(choices[0]) if choices else []
    options = {name: {one.get(name) for one in choices} for name in names}
    combinations = {tuple(sorted(one.items())) for one in choices}
    whole = math.prod(len(one) for one in options.values())
    if not choices or not len(combinations) == len(choices) == whole:
        raise MetricError(
            f"{len(choices)} universes are not all {whole} combinations of their options"
        )
    return names
