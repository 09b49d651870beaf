"""What is found in a dataset: one list for `bench data check`, `bench plan` and `bench run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.errors import DataError

Severity = Literal["error", "warning", "info"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing found in a dataset.

    Attributes:
        severity: an ``error`` stops or falsifies a run; a ``warning`` may be meant.
        where: file, subject, split or layout; several where the same was found in them.
        problem: what was found and what was expected.
        remedy: what to do about it.
    """

    severity: Severity
    where: str
    problem: str
    remedy: str


def from_error(where: str, error: DataError) -> Finding:
    """An error met while reading, as a finding."""
    return Finding("error", where, str(error), error.hint or "")


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """One line for what is the same in many files, errors first."""
    alike: dict[tuple[Severity, str, str], list[Finding]] = {}
    for one in findings:
        alike.setdefault((one.severity, one.problem, one.remedy), []).append(one)
    lines = [
        replace(group[0], where=some([one.where for one in group], limit=3))
        for group in alike.values()
    ]
    return sorted(lines, key=lambda one: _ORDER.index(one.severity))


def some(ids: Sequence[str], limit: int = 10) -> str:
    """The first of some ids, and how many more there are."""
    more = f", and {len(ids) - limit} more" if len(ids) > limit else ""
    return ", ".join(ids[:limit]) + more
