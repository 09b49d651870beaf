"""The overview: one line per line of a table and protocol, with all its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.metrics.table import METRICS, sign_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import LineKey
from bench.report.rows.summary import SummaryRow
from bench.report.tables import wording
from bench.report.tables.task_lines import TaskLines


@dataclass(frozen=True)
class OverviewRow:
    """One line of a table under one protocol.

    Attributes:
        headline: the protocol is the one its task is known by.
        rows: by metric.
        store: which of several stores it is of.
        page: address of its own page within a site; empty where there is none.
        task_page: that of its task.
        conflict: another store has other numbers of the same cell.
    """

    label: str
    first: SummaryRow
    headline: bool
    rows: Mapping[str, SummaryRow]
    store: str = ""
    page: str = ""
    task_page: str = ""
    conflict: bool = False

    @property
    def subjects(self) -> str:
        """``2 of 30``, however many."""
        return f"{self.first.test_subjects} of {self.first.test_expected}"

    @property
    def prevalence(self) -> float | None:
        """Chance level of AP."""
        return next((r.prevalence for r in self.rows.values() if r.prevalence is not None), None)


@dataclass(frozen=True)
class Overview:
    """Rows by task and protocol, the best first."""

    rows: tuple[OverviewRow, ...]

    @cached_property  # the page asks for it in every row
    def metrics(self) -> list[str]:
        """Those of which some row has a value."""
        known = {
            metric for row in self.rows for metric, one in row.rows.items() if one.value is not None
        }
        return [*(one for one in METRICS if one in known), *sorted(known - set(METRICS))]

    def distinct(self, name: str) -> list[str]:
        """Values of ``task``, ``method``, ``protocol``, ``status``, ``budget`` or ``train_on``."""
        return sorted({getattr(row.first, name) or "" for row in self.rows})

    @property
    def stores(self) -> list[str]:
        """Names of the stores; one empty name where there is only one store."""
        return sorted({row.store for row in self.rows})

    @property
    def datasets(self) -> list[str]:
        """Data sets of the tasks."""
        return sorted({row.first.task.partition("/")[0] for row in self.rows})


def make_overview(tasks: Sequence[TaskLines], rows: Sequence[SummaryRow], cards: Cards) -> Overview:
    """Group rows by line and protocol.

    Args:
        tasks: of all rows; they tell which protocol is a task's headline.
        rows: of `summarise`, with all protocols.
        cards: where words come from.
    """
    groups: dict[tuple[LineKey, str], dict[str, SummaryRow]] = {}
    for row in rows:
        groups.setdefault((row.line, row.protocol), {})[row.metric] = row
    shown = {one.task: one.protocol for one in tasks}
    found = [
        OverviewRow(
            label=wording.line_label(first, cards),
            first=first,
            headline=shown[first.task] == protocol,
            rows=metrics,
        )
        for (_, protocol), metrics in groups.items()
        for first in [next(iter(metrics.values()))]
    ]
    return Overview(tuple(sorted(found, key=order)))


def order(row: OverviewRow) -> tuple[str, str, bool, float, str]:
    """By task and protocol, the best numbers first; lines without a number last, by name."""
    metric = next((name for name in METRICS if name in row.rows), next(iter(row.rows)))
    value = row.rows[metric].value
    key = value is None, -sign_of(metric) * (value or 0.0), row.label
    return row.first.task, row.first.protocol, *key
