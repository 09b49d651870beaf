"""Compares today's numbers with the baseline's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import counted
from bench.gate.baseline import Baseline, BaselineRow
from bench.report import SummaryRow
from bench.report.rows.pick import LineKey, line_key
from bench.store.records import Record

Verdict = Literal["ok", "lower", "higher", "other data", "missing", "new"]
FAULTS = frozenset({"lower", "higher", "other data", "missing"})
"""Verdicts that make a regression. A sudden gain is as suspicious as a loss."""

DEVIATIONS = 3.0
"""How many standard errors of the difference of two means over seeds are allowed."""
_PREVALENCE_SHARE = 0.01
_STALE = "only stale records: files, cards or versions have changed since they ran"


@dataclass(frozen=True)
class CheckedNumber:
    """What became of one number.

    Attributes:
        before: the baseline's value, a fraction; None where it had none.
        now: the store's value; None where it has none.
        allowed: greatest difference, either way, that is no regression; None without two values.
        seeds: how many seeds are behind `now`.
        reason: why a number is missing, or what is other data, in words.
    """

    task: str
    method: str
    config: dict[str, Any]
    train_on: str | None
    budget: str | None
    protocol: str
    metric: str
    verdict: Verdict
    before: float | None = None
    now: float | None = None
    allowed: float | None = None
    seeds: int = 0
    reason: str = ""

    @property
    def line(self) -> LineKey:
        """As `SummaryRow.line`."""
        return LineKey.of(self.task, self.method, self.config, self.train_on, self.budget)

    @property
    def difference(self) -> float | None:
        """Now minus before."""
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def strain(self) -> float:
        """How much of what is allowed was used up; 1 is the limit."""
        if self.difference is None or self.allowed is None:
            return 0.0
        return abs(self.difference) / self.allowed if self.allowed else math.inf


def compare(
    baseline: Baseline, rows: Iterable[SummaryRow], older: Iterable[Record] = ()
) -> list[CheckedNumber]:
    """Hold rows against a baseline.

    Args:
        baseline: of `bench.gate.read_baseline`.
        rows: of `bench.report.summarise`, all protocols, without stale ones.
        older: stale records of the store; they are never compared, but say why a number is
            missing.

    Returns:
        One per number that either side has, ordered by task, method, config, train_on,
        budget, protocol and metric.
    """
    before = {row.number: row for row in baseline.rows}
    now = {row.number: row for row in rows}
    # A line that failed has one row, at the headline, that says why for all its numbers.
    reasons = {line_key(one): _STALE for one in older}
    reasons |= {row.line: f"{row.status}: {row.reason}" for row in now.values() if not row.seeds}
    typical = _typical_deviations(baseline.rows)
    found = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        least = typical.get((key[0], key[2]), 0.0)
        one = _checked(old, new, baseline.noise, least, reasons.get(key[0], ""))
        if one is not None:
            found.append(one)
    return found


def compared(checked: Sequence[CheckedNumber]) -> int:
    """How many numbers stand on both sides."""
    return sum(one.verdict not in ("new", "missing") for one in checked)


def fails(checked: Sequence[CheckedNumber]) -> bool:
    """Whether the gate fails: a number is at fault, or nothing was compared at all."""
    return is_regression(checked) or not compared(checked)


def is_regression(checked: Sequence[CheckedNumber]) -> bool:
    """Whether any number moved, changed its data or went missing."""
    return any(one.verdict in FAULTS for one in checked)


def allowed_difference(sd: float | None, seeds: int, seeds_now: int, noise: float) -> float:
    """Greatest difference of two means over seeds that is no regression.

    Args:
        sd: over the baseline's seeds; None for one seed.
        seeds: how many they are.
        seeds_now: how many seeds are behind the other mean.
        noise: numerical noise between machines.
    """
    if sd is None:
        return noise
    return DEVIATIONS * sd * math.sqrt(1 / seeds + 1 / seeds_now) + noise


def _typical_deviations(rows: Iterable[BaselineRow]) -> dict[tuple[LineKey, str], float]:
    """The median standard deviation over seeds of a line's numbers of one metric.

    Three seeds tell their deviation badly: of the ten numbers of a line, one is often near zero
    by chance. A number is not held closer than half of its siblings are.
    """
    deviations: dict[tuple[LineKey, str], list[float]] = {}
    for row in rows:
        if row.sd is not None:
            deviations.setdefault((row.number[0], row.metric), []).append(row.sd)
    return {key: statistics.median(found) for key, found in deviations.items()}


def _checked(
    old: BaselineRow | None, new: SummaryRow | None, noise: float, least_sd: float, reason: str
) -> CheckedNumber | None:
    """None where neither side has a value."""
    before = old.value if old else None
    now = new.value if new else None
    verdict: Verdict = "ok"
    allowed = None
    if old is not None and new is not None and before is not None and now is not None:
        sd = None if old.sd is None else max(old.sd, least_sd)
        allowed = allowed_difference(sd, old.seeds, new.seeds, noise)
        reason = _other_data(old, new)
        if reason:
            verdict = "other data"
        elif abs(now - before) > allowed:
            verdict = "higher" if now > before else "lower"
    elif before is not None:
        verdict = "missing"
        reason = reason or "not in the store"
    elif now is not None:
        verdict, reason = "new", ""
    else:
        return None
    row = new or old
    if row is None:
        return None
    return CheckedNumber(
        task=row.task,
        method=row.method,
        config=row.config,
        train_on=row.train_on,
        budget=row.budget,
        protocol=row.protocol,
        metric=row.metric,
        verdict=verdict,
        before=before,
        now=now,
        allowed=allowed,
        seeds=new.seeds if new else 0,
        reason=reason,
    )


def _other_data(old: BaselineRow, new: SummaryRow) -> str:
    """How the test images or their labels differ from the baseline's, if they do."""
    if old.subjects != new.subjects:
        return f"{counted(new.subjects, 'subject')}, baseline {old.subjects}"
    if old.prevalence is None or new.prevalence is None:
        return ""
    if abs(new.prevalence - old.prevalence) > _PREVALENCE_SHARE * old.prevalence:
        return f"prevalence {new.prevalence:.4%}, baseline {old.prevalence:.4%}"
    return ""
