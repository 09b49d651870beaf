"""Averages records over seeds: one `SummaryRow` per line, protocol and metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from bench.cards import DatasetCard, Headline, ProtocolCard
from bench.report.rows.columns import COSTS, JSON_KEYS, LEARNED
from bench.report.rows.pick import Line, LineKey, NumberKey, pick_lines
from bench.report.rows.reasons import reason_of
from bench.report.rows.sampling import interval_of, resampled_of
from bench.store.records import Learning, ProtocolNumbers, Record
from bench.store.replicates import Resampled

Status = Literal["done", "partial", "skipped", "failed", "missing", "published", "stale"]

DEFAULT_HEADLINE = Headline(protocol="pixel-pooled@2", metric="ap")
NO_COST: Mapping[str, float | int | None] = dict.fromkeys(COSTS)


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One number of a table: a metric of a protocol, averaged over seeds.

    Attributes:
        task: ``dataset/name``; for an average over tasks, the name of the published row.
        config: only the settings that differ from the method's defaults.
        train_on: None for published values.
        budget: None for published values.
        train_subjects: how many subjects were learned from; None for published values.
        train_images: how many images of them; None where the record does not state it.
        seeds: how many seeds the value is the mean of.
        value: fraction from 0 to 1; None where there is no number.
        sd: standard deviation over seeds (ddof 1); None with fewer than two.
        low: lower end of the 95 % interval over subjects and seeds; None with too few subjects.
        high: its upper end.
        prevalence: share of positives among the ranked cases.
        subjects: how many subjects entered the number.
        status: ``partial`` where test subjects or seeds are missing; ``published`` for a
            paper's value; ``stale`` for a value of older files, cards or versions.
        cost: means over seeds.
        steps: of training, of the budget; None for published values.
        fit_cpu_seconds: mean over seeds of the fits' processor time; None where it is not known.
        learned: see `bench.report.rows.columns.LEARNED`; None where no seed has measured it.
        unlearned: of the seeds that have measured it, how many have not learned, and all of them.
        reason: why there is no number, or why it is partial.
        test_subjects: test subjects of the cells.
        test_expected: test subjects that the split names.
        degenerate: scores were constant, so the number says nothing of the method.
        adapted: what was changed to make the input fit the method.
        by_seed: value of each seed.
        resampled: replicates of each seed; empty where not all have them.
        healthy_ml: by the share of healthy validation pixels above the threshold (``0.01``), ml of
            false positives per healthy test subject; empty where the protocol measures none.
        lesions: of the test subjects' labels.
        lesions_kept: of them, those that preparation kept in the foreground.
        findings: what was odd about the files of the first seed.
        unranked: per reason, what the protocol left out of the number of the first seed.
        left_out: records of older versions or of other files that are not in it.
        stale: of a value of older files, cards or versions, when it was made; else empty.
        stands_in: in a published row, which task the value was measured on instead; else empty.
    """

    task: str
    method: str
    config: dict[str, Any]
    train_on: str | None
    budget: str | None
    seeds: int = 0
    protocol: str
    metric: str
    value: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None
    prevalence: float | None = None
    subjects: int = 0
    status: Status
    cost: Mapping[str, float | int | None] = field(default_factory=lambda: dict(NO_COST))
    steps: int | None = None
    fit_cpu_seconds: float | None = None
    learned: Mapping[str, float | bool | None] | None = None
    unlearned: tuple[int, int] = (0, 0)
    reason: str | None = None
    test_subjects: int = 0
    test_expected: int = 0
    degenerate: bool = False
    adapted: tuple[str, ...] = ()
    by_seed: tuple[tuple[int, float], ...] = ()
    resampled: tuple[Resampled, ...] = field(default=(), repr=False)
    healthy_ml: Mapping[str, float] = field(default_factory=dict)
    lesions: int = 0
    lesions_kept: int = 0
    train_subjects: int | None = None
    train_images: int | None = None
    findings: tuple[str, ...] = ()
    unranked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    left_out: int = 0
    stale: str = ""
    stands_in: str = ""

    @property
    def error_ratio(self) -> float | None:
        """The larger of the two ratios in `learned`; None where one of them is not known."""
        known = self.learned or {}
        ratios = [one for name in LEARNED[:2] if (one := known.get(name)) is not None]
        return max(ratios) if len(ratios) == 2 else None

    @property
    def untrained(self) -> bool:
        """Whether the method has learned less than a constant or the mean image, in some seed."""
        return self.learned is not None and not self.learned["trained"]

    @cached_property
    def line(self) -> LineKey:
        """The line of a table that the row belongs to, with all its protocols and metrics."""
        return LineKey.of(
            self.task, self.method, self.config, self.train_on, self.budget, self.stale
        )

    @property
    def number(self) -> NumberKey:
        """What makes it the same number as another row; rows are ordered by it."""
        return self.line, self.protocol, self.metric

    def as_json(self) -> dict[str, Any]:
        """The row with exactly `JSON_KEYS`, a contract with programs."""
        return {key: getattr(self, key) for key in JSON_KEYS}


def summarise(
    records: Iterable[Record],
    datasets: Mapping[str, DatasetCard],
    protocols: Mapping[str, ProtocolCard],
    *,
    protocol: str | None = None,
    older: Iterable[Record] = (),
    show_older: bool = False,
    with_interval: Callable[[str, str], bool] = lambda task, protocol: True,
) -> list[SummaryRow]:
    """Average records over their seeds.

    Args:
        records: in any order.
        datasets: cards by name, for headline metrics; a record without a card is kept.
        protocols: cards by ``name@version``, for the metrics a protocol should have given.
        protocol: keep this one only; None keeps all.
        older: stale records, which are in no number; a line that lacks their seeds is partial.
        show_older: also give rows of them, with status ``stale``.
        with_interval: of which task and protocol intervals are wanted; over several seeds they
            take most of the time, and a table shows those of one protocol.

    Returns:
        Rows by task, method, config, train_on, budget, protocol and metric. A line without any
        finished seed gives one row without a value, at the task's headline.
    """
    rows: list[SummaryRow] = []
    kept = list(records)
    expected = _expected(kept)
    for line in pick_lines(kept, older, show_older=show_older):
        head = headline_of(line.task, datasets)
        if protocol is not None and protocol != head.protocol:
            card = protocols.get(protocol)
            head = Headline(protocol=protocol, metric=card.metrics[0] if card else head.metric)
        facts = _facts(line, expected)
        if not line.done:
            status = _undone_status(line)
            shared = facts | _shared(line, head.protocol, ())
            rows.append(_row(shared, head.protocol, head.metric, (), status, intervals=False))
            continue
        found = {name for record in line.done for name in record.protocols}
        for name in sorted(found | {head.protocol}):
            if protocol is None or name == protocol:
                intervals = with_interval(line.task, name)
                card = protocols.get(name)
                rows += _protocol_rows(line, facts, name, card, head, intervals=intervals)
    return rows


def headline_of(task: str, datasets: Mapping[str, DatasetCard]) -> Headline:
    """The number a task is known by; pooled pixel AP where no card tells."""
    dataset, _, name = task.partition("/")
    card = datasets.get(dataset)
    known = card.tasks.get(name) if card else None
    return known.headline if known else DEFAULT_HEADLINE


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean, independent of the order of the values; None of nothing."""
    return math.fsum(values) / len(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation with ddof 1; None with fewer than two values."""
    if len(values) < 2:
        return None
    centre = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((one - centre) ** 2 for one in values) / (len(values) - 1))


def mean_cost(costs: Iterable[Mapping[str, float | int | None]]) -> dict[str, float | int | None]:
    """Means of costs, each with the keys `COSTS`; None where none of them states a cost."""
    stated = list(costs)
    means: dict[str, float | int | None] = {}
    for name in COSTS:
        values = [cost[name] for cost in stated]
        means[name] = mean([one for one in values if one is not None and math.isfinite(one)])
    parameters = means["parameters"]
    if parameters is not None and parameters == int(parameters):
        means["parameters"] = int(parameters)
    return means


def mean_learning(found: Sequence[Learning]) -> dict[str, float | bool | None] | None:
    """What seeds have learned, with the keys `LEARNED`; None of nothing.

    A ratio is a mean over seeds; None where the images are constant, so that there is nothing to
    divide by.
    """
    if not found:
        return None
    to_constant = [one.error / one.constant_error for one in found if one.constant_error]
    to_mean = [one.error / one.mean_image_error for one in found if one.mean_image_error]
    values = (mean(to_constant), mean(to_mean), all(one.trained for one in found))
    return dict(zip(LEARNED, values, strict=True))


def _protocol_rows(
    line: Line,
    facts: Mapping[str, Any],
    name: str,
    card: ProtocolCard | None,
    head: Headline,
    *,
    intervals: bool,
) -> list[SummaryRow]:
    given = [record.protocols[name] for record in line.done if name in record.protocols]
    metrics = {metric for one in given for metric in one.metrics}
    metrics |= set(card.metrics) if card else set()
    metrics |= {head.metric} if name == head.protocol else set()
    rows = []
    shared: dict[tuple[int, ...], dict[str, Any]] = {}  # by seeds: mostly all of the line's
    for metric in sorted(metrics):
        usable = tuple(
            record
            for record in line.done
            if name in record.protocols
            and math.isfinite(record.protocols[name].metrics.get(metric, math.nan))
        )
        status: Status = "done"
        if not usable:
            status = "skipped" if given else "missing"
        elif line.key.stale:
            status = "stale"
        elif _is_partial(line, usable, facts["test_expected"]):
            status = "partial"
        seeds = tuple(one.seed for one in usable)
        if seeds not in shared:
            shared[seeds] = {**facts, **_shared(line, name, usable)}
        rows.append(_row(shared[seeds], name, metric, usable, status, intervals=intervals))
    return rows


def _subjects_of(record: Record) -> tuple[str, frozenset[str]]:
    return record.task, frozenset(record.subjects.test)


def _expected(records: Iterable[Record]) -> dict[tuple[str, frozenset[str]], int]:
    """How many test subjects there should be, by task and those that were there.

    A card may tell later than a record how large the published set is; that holds for all records
    of the same subjects.
    """
    found: dict[tuple[str, frozenset[str]], int] = {}
    for one in records:
        subjects = _subjects_of(one)
        found[subjects] = max(found.get(subjects, 0), one.subjects.test_expected)
    return found


def _facts(line: Line, expected: Mapping[tuple[str, frozenset[str]], int]) -> dict[str, Any]:
    """What all rows of a line share, made once: a line has a row per protocol and metric."""
    first = line.first
    learned = [one.learning for one in line.done if one.learning]
    return {
        "task": line.task,
        "method": line.key.method,
        "config": dict(sorted(first.config.items())),
        "train_on": first.train_on,
        "budget": first.budget,
        "cost": mean_cost(record.cost.model_dump() for record in line.done if record.cost),
        "steps": first.budget_values.get("steps"),
        "fit_cpu_seconds": _cpu_seconds(line.done),
        "learned": mean_learning(learned),
        "unlearned": (sum(not one.trained for one in learned), len(learned)),
        "left_out": line.left_out,
        "stale": line.key.stale,
        "test_expected": max(
            expected.get(_subjects_of(one), one.subjects.test_expected)
            for one in line.done or line.undone
        ),
    }


def _shared(line: Line, protocol: str, usable: Sequence[Record]) -> dict[str, Any]:
    """What the metrics of a protocol share, made once for all that have the same seeds."""
    numbers = [record.protocols[protocol] for record in usable]
    counted = usable or line.done or line.undone
    truth, learned = counted[0].truth.values(), counted[0].trained_on
    return {
        "prevalence": mean([one.prevalence for one in numbers if one.prevalence is not None]),
        "subjects": min((one.subjects for one in numbers), default=0),
        "reason": reason_of(line, protocol, usable),
        "test_subjects": min(len(one.subjects.test) for one in counted),
        "degenerate": any(one.degenerate for one in numbers),
        "adapted": tuple(sorted({text for one in usable for text in one.adapted})),
        "healthy_ml": _healthy_ml(numbers),
        "lesions": sum(one.lesions for one in truth),
        "lesions_kept": sum(one.lesions_kept for one in truth),
        "train_subjects": learned.subjects if learned else len(counted[0].subjects.train),
        "train_images": learned.images if learned else None,
        "findings": tuple(f"{one.where}: {one.problem}" for one in counted[0].findings),
        "unranked": numbers[0].left_out if numbers else {},
    }


def _row(
    shared: Mapping[str, Any],
    protocol: str,
    metric: str,
    usable: Sequence[Record],
    status: Status,
    *,
    intervals: bool,
) -> SummaryRow:
    numbers = [record.protocols[protocol] for record in usable]
    values = [one.metrics[metric] for one in numbers]
    low, high = interval_of(numbers, metric) if intervals else (None, None)
    return SummaryRow(
        **shared,
        seeds=len(values),
        protocol=protocol,
        metric=metric,
        value=mean(values),
        sd=deviation(values),
        low=low,
        high=high,
        status=status,
        by_seed=tuple((one.seed, value) for one, value in zip(usable, values, strict=True)),
        resampled=resampled_of(numbers, metric),
    )


def _healthy_ml(numbers: Sequence[ProtocolNumbers]) -> dict[str, float]:
    """Means over seeds, of the thresholds that every seed has."""
    shared = [set(one.healthy) for one in numbers]
    rates = sorted(set.intersection(*shared)) if shared else []
    values = {rate: mean([one.healthy[rate].mean_ml for one in numbers]) for rate in rates}
    return {rate: value for rate, value in values.items() if value is not None}


def _cpu_seconds(records: Sequence[Record]) -> float | None:
    """Mean processor time of the fits whose time is known."""
    costs = [one.cost.fit_cpu_seconds for one in records if one.cost]
    return mean([one for one in costs if one is not None])


def _undone_status(line: Line) -> Status:
    return "failed" if any(one.status == "failed" for one in line.undone) else "skipped"


def _is_partial(line: Line, usable: Sequence[Record], expected: int) -> bool:
    """Whether seeds or test subjects are missing in a number."""
    lacks_subjects = any(len(one.subjects.test) < expected for one in line.done)
    return len(usable) < len(line.done) or bool(line.undone or line.lacking) or lacks_subjects
