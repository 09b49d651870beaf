"""The rows of published tables, each beside what was measured here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.cards import PublishedRow, PublishedValue
from bench.errors import counted_of
from bench.metrics.table import sign_of
from bench.report.rows.cards import Cards
from bench.report.rows.columns import LEARNED
from bench.report.rows.pick import sorted_json
from bench.report.rows.summary import SummaryRow, deviation, mean, mean_cost

PUBLICATION_BUDGET = "paper"


@dataclass(frozen=True)
class PublishedLine:
    """One line of the table: a published value, a measured one, or both.

    Attributes:
        row: the published row it belongs to.
        published: None for a method of ours that the row does not list.
        measured: None where we have no number for the published value.
        verdict: ``comparable``, ``not comparable: why``, or why there is nothing to compare.
        command: would measure what is missing.
    """

    row: PublishedRow
    published: PublishedValue | None
    measured: SummaryRow | None
    verdict: str
    command: str = ""

    @property
    def difference(self) -> float | None:
        """Measured minus published, as a fraction."""
        if self.published is None or self.measured is None or self.measured.value is None:
            return None
        return self.measured.value - self.published.value / 100


def summary_rows(lines: Sequence[PublishedLine]) -> list[SummaryRow]:
    """The lines for programs: a row per value, and one for each that was not measured."""
    rows = []
    for at, line in enumerate(lines):
        published = line.published
        if published is not None and (at == 0 or lines[at - 1].published is not published):
            rows.append(_as_row(line.row, published.method, published.value))
        if line.measured is not None:
            rows.append(line.measured)
        elif published is not None and published.ours:
            rows.append(_as_row(line.row, published.ours, None))
    return rows


def compare(
    published: Sequence[PublishedRow], rows: Sequence[SummaryRow], cards: Cards
) -> list[PublishedLine]:
    """Set every published value beside what was measured.

    Args:
        published: rows of papers.
        rows: of `summarise`, with all protocols.
        cards: for training sources, families and synthetic data.

    Returns:
        Lines by row; within a row the published values, the best first, then the methods
        that only we measured, the best first.
    """
    lines: list[PublishedLine] = []
    for row in sorted(published, key=lambda one: (one.order, one.name)):
        lines += _lines(row, _measured(row, rows, cards), cards)
    return lines


def _lines(row: PublishedRow, measured: Sequence[SummaryRow], cards: Cards) -> list[PublishedLine]:
    lines = []
    values = sorted(row.values, key=lambda one: (-sign_of(row.metric) * one.value, one.method))
    for value in values:
        ours = [one for one in measured if one.method == value.ours]
        lines += [PublishedLine(row, value, one, *_verdict(row, one, cards)) for one in ours]
        if not ours:
            lines.append(PublishedLine(row, value, None, *_absence(row, value, cards)))
    known = {value.ours for value in values}
    rest = [one for one in measured if one.method not in known and one.value is not None]
    return lines + [PublishedLine(row, None, one, "no published value") for one in rest]


def _measured(row: PublishedRow, rows: Sequence[SummaryRow], cards: Cards) -> list[SummaryRow]:
    """Our numbers for a row, the best first; several tasks are averaged."""
    fitting = _filled(
        row,
        [
            one
            for one in rows
            if not one.stale and (one.protocol, one.metric) == (row.protocol, row.metric)
        ],
    )
    if len(row.tasks) > 1:
        fitting = _averages(row, fitting, cards)
    return sorted(
        fitting,
        key=lambda one: (
            one.value is None,
            -sign_of(row.metric) * (one.value or 0.0),
            one.method,
            sorted_json([one.config, one.train_on, one.budget]),
        ),
    )


def _filled(row: PublishedRow, rows: Sequence[SummaryRow]) -> list[SummaryRow]:
    """The numbers on the row's tasks; where a line has none, that of the first stand-in."""
    found = {(one.task, _line(one)): one for one in rows if one.task in row.tasks}
    for task in row.tasks:
        for other in row.stand_ins.get(task, ()):
            for one in rows:
                if one.task != other or one.value is None:
                    continue
                key = task, _line(one)
                if key not in found or found[key].value is None:
                    found.pop(key, None)  # what stands in comes last
                    found[key] = replace(one, task=task, stands_in=f"{other} in place of {task}")
    return list(found.values())


def _line(row: SummaryRow) -> str:
    return sorted_json([row.method, row.config, row.train_on, row.budget])


def _averages(row: PublishedRow, rows: Sequence[SummaryRow], cards: Cards) -> list[SummaryRow]:
    """Means over the row's tasks, each trained on its default source, where all have a value."""
    groups: dict[str, dict[str, SummaryRow]] = defaultdict(dict)
    for one in rows:
        if one.value is not None and one.train_on == cards.default_source(one.task):
            groups[sorted_json([one.method, one.config, one.budget])][one.task] = one
    whole = [groups[key] for key in sorted(groups) if set(groups[key]) == set(row.tasks)]
    return [_average(row, [group[task] for task in row.tasks]) for group in whole]


def _average(row: PublishedRow, parts: Sequence[SummaryRow]) -> SummaryRow:
    """One line over several tasks.

    There is no interval: the tasks' test subjects differ, so the intervals do not average.
    """
    seeds = [dict(part.by_seed) for part in parts]
    shared = all(set(one) == set(seeds[0]) for one in seeds)
    by_seed = (
        tuple((seed, mean([one[seed] for one in seeds]) or 0.0) for seed in sorted(seeds[0]))
        if shared
        else ()
    )
    shares = [part.prevalence for part in parts if part.prevalence is not None]
    sources = {part.train_on for part in parts}
    amounts = {(part.train_subjects, part.train_images) for part in parts}
    learned = amounts.pop() if len(amounts) == 1 else (None, None)
    return replace(
        parts[0],
        task=row.name,
        train_on=parts[0].train_on if len(sources) == 1 else None,
        train_subjects=learned[0],
        train_images=learned[1],
        seeds=min(part.seeds for part in parts),
        value=mean([part.value for part in parts if part.value is not None]),
        sd=deviation([value for _, value in by_seed]),
        low=None,
        high=None,
        prevalence=mean(shares) if len(shares) == len(parts) else None,
        subjects=sum(part.subjects for part in parts),
        status="partial" if any(part.status == "partial" for part in parts) else "done",
        cost=mean_cost(part.cost for part in parts),
        reason="; ".join(f"{part.task}: {part.reason}" for part in parts if part.reason) or None,
        test_subjects=sum(part.test_subjects for part in parts),
        test_expected=sum(part.test_expected for part in parts),
        degenerate=any(part.degenerate for part in parts),
        learned=_learned(parts),
        adapted=(),
        findings=(),
        unranked={},
        by_seed=by_seed,
        resampled=(),  # of other patients on each task
        left_out=sum(part.left_out for part in parts),
        stands_in="; ".join(part.stands_in for part in parts if part.stands_in),
    )


def _learned(parts: Sequence[SummaryRow]) -> dict[str, float | bool | None] | None:
    """Mean ratios; who has not learned on one of the tasks has not learned the average."""
    known = [part.learned for part in parts if part.learned is not None]
    if not known:
        return None
    ratios = [[one[name] for one in known if one[name] is not None] for name in LEARNED[:2]]
    values = (*(mean([float(one) for one in ratio if one is not None]) for ratio in ratios),)
    return dict(zip(LEARNED, (*values, all(one["trained"] for one in known)), strict=True))


def _verdict(row: PublishedRow, measured: SummaryRow, cards: Cards) -> tuple[str, str]:
    """Verdict and, where a value is missing, the command that brings it."""
    if measured.value is None:
        if measured.status == "missing":
            return "not computed", f"bench rescore --protocol {row.protocol}"
        return measured.reason or measured.status, ""
    reasons = [row.not_comparable] if row.not_comparable else []
    reasons += [measured.stands_in] if measured.stands_in else []
    if any(cards.is_synthetic(task) for task in row.tasks):
        reasons.append("synthetic images")
    if measured.test_subjects < measured.test_expected:
        reasons.append(f"{counted_of(measured.test_subjects, measured.test_expected, 'subject')}")
    if measured.budget != PUBLICATION_BUDGET:
        reasons.append(f"budget {measured.budget}")
    if len(row.tasks) == 1 and measured.train_on != cards.default_source(row.tasks[0]):
        reasons.append(f"trained on {measured.train_on}")
    if measured.config:
        reasons.append("other settings than the card's")
    if measured.degenerate:
        reasons.append("constant scores")
    if measured.untrained:
        reasons.append("not yet trained")
    return (f"not comparable: {'; '.join(reasons)}" if reasons else "comparable"), ""


def _absence(row: PublishedRow, value: PublishedValue, cards: Cards) -> tuple[str, str]:
    """Why nothing was measured, and the command that would."""
    if value.ours is None:
        return "not implemented", ""
    unknown = [task for task in row.tasks if cards.task(task) is None]
    if unknown:
        return f"no card yet: {', '.join(unknown)}", ""
    tasks = "".join(f" --task {task}" for task in row.tasks)
    return "not run", f"bench run --method {value.ours}{tasks} --budget {PUBLICATION_BUDGET}"


def _as_row(row: PublishedRow, method: str, percent: float | None) -> SummaryRow:
    """A row of a published value, or one that says that nothing was measured."""
    return SummaryRow(
        task=row.tasks[0] if len(row.tasks) == 1 else row.name,
        method=method,
        config={},
        train_on=None,
        budget=None if percent is not None else PUBLICATION_BUDGET,
        protocol=_protocol_of(row) if percent is not None else row.protocol,
        metric=row.metric,
        # Rounded, because 93.3 / 100 is 0.9329999999999999.
        value=None if percent is None else round(percent / 100, 10),
        status="missing" if percent is None else "published",
    )


def _protocol_of(row: PublishedRow) -> str:
    """The protocol of the published value: ours, only where the row says that it is comparable."""
    return row.protocol if row.not_comparable is None else "unknown"
