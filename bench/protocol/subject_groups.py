"""Groups of subjects by what a table states of them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from bench.stats.groups import quantile_groups

# Numbers with at most so many distinct values are names of groups, such as 0 and 1.
_FEW_NUMBERS = 5
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


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


def ambiguous(stated: Mapping[str, str]) -> str | None:
    """A value whose comma may part thousands or decimals, as ``1,234``; None where all are clear.

    ``3,5`` in the same column tells that a comma is that of decimals.

    Args:
        stated: value by subject.
    """
    commas = [one for one in stated.values() if "," in one]
    if not commas or _numbers(stated) is None:
        return None
    return commas[0] if all(_THOUSANDS.fullmatch(one) for one in commas) else None


def words_among_numbers(stated: Mapping[str, str]) -> list[str]:
    """Values that are not numbers, where most values are."""
    words = [one for one in stated.values() if not math.isfinite(_number(one))]
    return sorted({*words}) if 2 * len(words) < len(stated) else []


def _numbers(stated: Mapping[str, str]) -> dict[str, float] | None:
    """Values as numbers, with a point or a comma; None where one is none."""
    found = {one: _number(value) for one, value in stated.items()}
    return found if all(map(math.isfinite, found.values())) else None


def _number(text: str) -> float:
    if "_" in text:  # Python reads 1_0 as 10, and no table means that
        return math.nan
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _by_number(text: str) -> tuple[bool, float, str]:
    value = _number(text)
    return math.isnan(value), 0.0 if math.isnan(value) else value, text
