"""The lines of one task's table: which numbers they show, in which order, under which names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal

from bench.metrics.table import sign_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import LineKey
from bench.report.rows.summary import SummaryRow, headline_of
from bench.report.tables import wording
from bench.report.tables.comparing import Compared, compare_rows

CHOICES: dict[str, Callable[[SummaryRow], str]] = {
    "Budget": lambda row: row.budget or "",
    "Trained on": lambda row: row.train_on or "",
    "Subjects": lambda row: wording.subject_count(row) if row.seeds else "",
    "Seeds": lambda row: str(row.seeds) if row.seeds else "",
}
"""What may differ between lines. Then it is a column; else the caption says it."""


def number_of(
    task: str, cards: Cards, protocol: str | None, metric: str | None = None
) -> tuple[str, str]:
    """Protocol and metric that a task's table is ordered by.

    Args:
        task: ``dataset/name``.
        cards: where headline metrics come from.
        protocol: None takes the task's headline protocol.
        metric: None takes the headline's where the protocol has it, else its first.
    """
    head = headline_of(task, cards.datasets)
    name = protocol or head.protocol
    card = cards.protocols.get(name)
    known = list(card.metrics) if card else [head.metric]
    return name, metric or (head.metric if head.metric in known else known[0])


def says_something(row: SummaryRow) -> bool:
    """Whether a number says something of its method: it is there, not constant and not stale."""
    return row.value is not None and not row.degenerate and not row.stale


class TaskLines:
    """One task's rows, arranged.

    Args:
        task: ``dataset/name``.
        rows: of `summarise`, with all protocols; other tasks' rows are passed over.
        cards: where headline metrics and families come from.
        protocol: the protocol to show; None shows the task's headline protocol.

    Attributes:
        metrics: of the protocol, the one that orders the lines first.
        sign: of that metric; 1 where higher is better, -1 where lower is.
        lines: one row per line, of the first metric, best first; then those without value, then
            stale ones.
        label: name of each line, which no other line has.
        varying: the `CHOICES` in which lines differ.
        chances: distinct chance levels of AP, rounded as they print.
        image_protocol: the task's first protocol that ranks images, where the table is about
            pixels.
    """

    def __init__(
        self, task: str, rows: Sequence[SummaryRow], cards: Cards, protocol: str | None
    ) -> None:
        self.task, self.cards = task, cards
        self.protocol, first = number_of(task, cards, protocol)
        card = cards.protocols.get(self.protocol)
        self.level = card.level if card else "pixel"
        self.metrics = [first, *(one for one in card.metrics if one != first)] if card else [first]
        self.sign = sign_of(first)
        mine = [row for row in rows if row.task == task]
        self._found = {(row.line, row.protocol, row.metric): row for row in mine}
        self.lines = [row for row in mine if (row.protocol, row.metric) == (self.protocol, first)]
        self.lines.sort(
            key=lambda row: (
                bool(row.stale),
                row.value is None,
                -self.sign * (row.value or 0.0),
                row.line,
            )
        )
        self.varying = [
            title for title, tell in CHOICES.items() if len({*map(tell, self.lines)} - {""}) > 1
        ]
        self.label: dict[LineKey, str] = {row.line: self._full_label(row) for row in self.lines}
        shares = {row.prevalence for row in self.lines if row.prevalence is not None}
        self.chances = sorted({f"{100 * share:.2f}" for share in shares})
        self.image_protocol = self._find_image_protocol()

    @property
    def ranked(self) -> list[SummaryRow]:
        """Lines whose numbers say something of their method, best first."""
        return [row for row in self.lines if says_something(row)]

    @property
    def measured(self) -> list[SummaryRow]:
        """Lines with at least one finished seed."""
        return [row for row in self.lines if row.seeds]

    def other(self, line: SummaryRow, protocol: str, metric: str) -> SummaryRow | None:
        """Another number of the same line, if there is one."""
        return self._found.get((line.line, protocol, metric))

    def goodness(self, row: SummaryRow, end: Literal["worst", "value", "best"] = "value") -> float:
        """A line's number, times `sign` so that higher is better.

        Args:
            row: a line with a value.
            end: which end of its interval over subjects; the value where there is no interval.
        """
        ends = {"worst": row.low, "best": row.high, "value": row.value}
        if self.sign < 0:
            ends["worst"], ends["best"] = row.high, row.low
        found = ends[end] if ends[end] is not None else row.value
        return self.sign * (found or 0.0)

    @cached_property
    def compared(self) -> Compared:
        """The `ranked` lines in pairs."""
        return compare_rows(self.ranked, sign=self.sign)

    def beats(self, row: SummaryRow, other: SummaryRow) -> bool:
        """Whether a line is shown to be better than another.

        By their paired difference; without replicates, where the interval of the first excludes
        the value of the second.
        """
        pair = self.compared.pair(row, other)
        if pair is not None:
            return pair.verdict == "first is better"
        return row.low is not None and self.goodness(row, "worst") > self.goodness(other)

    def is_trivial(self, row: SummaryRow) -> bool:
        """Whether the method needs no training and knows nothing."""
        card = self.cards.methods.get(row.method)
        return card is not None and card.family == "trivial"

    def _full_label(self, row: SummaryRow) -> str:
        more = [CHOICES[title](row) for title in ("Budget", "Trained on") if title in self.varying]
        return wording.line_label(row, self.cards, *more)

    def _find_image_protocol(self) -> str | None:
        cards = self.cards.protocols
        if self.level != "pixel":
            return None
        known = self.cards.task(self.task)
        wanted = known.protocols if known else sorted(cards)
        measured = {protocol for _, protocol, _ in self._found}
        images = [
            one
            for one in wanted
            if one in cards and cards[one].level == "image" and "auroc" in cards[one].metrics
        ]
        return next((one for one in images if one in measured), None)
