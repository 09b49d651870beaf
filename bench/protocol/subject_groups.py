"""Groups of subjects by what a table states of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.stats.groups import quantile_groups

# Numbers with at most so many distinct values are names of groups, such as 0 and 1.
_FEW_NUMBERS = 5


def subject_groups(stated: Mapping[str, str], column: str) -> dict[str, list[str]]:
    """Subjects by their value; numbers are cut at their quantiles where they differ much.

    Args:
        stated: value by subject.
        column: what the values are of.

    Returns:
        Ids by ``column value`` or ``column low to high``, in the order of the values.
    """
    numbers = _numbers(stated)
    if numbers is not None and len({*numbers.values()}) > _FEW_NUMBERS:
        return {
            f"{column} {group.label}": [
                one for one, value in numbers.items() if group.low <= value <= group.high
            ]
            for group in quantile_groups([*numbers.values()])
        }
    values = sorted({*stated.values()}, key=_by_number)
    return {
        f"{column} {value}": [one for one, own in stated.items() if own == value]
        for value in values
    }


def _numbers(stated: Mapping[str, str]) -> dict[str, float] | None:
    """Values as numbers, with a point or a comma; None where one is none."""
    found = {one: _number(value) for one, value in stated.items()}
    return found if all(map(math.isfinite, found.values())) else None


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _by_number(text: str) -> tuple[bool, float, str]:
    value = _number(text)
    return math.isnan(value), 0.0 if math.isnan(value) else value, text
