"""Keeps only some tasks, methods, metrics and budgets of what a report is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.cards import DatasetCard, ProtocolCard, PublishedRow, Task
from bench.errors import UnknownName, UsageError
from bench.metrics.table import METRICS
from bench.report.rows.cards import Cards
from bench.report.rows.summary import headline_of
from bench.store.records import ProtocolNumbers, Record


@dataclass(frozen=True)
class Chosen:
    """What to keep; an empty part keeps everything.

    Tables of what is kept compare the kept lines alone, as if the store held nothing else.

    Attributes:
        tasks: full names, ``dataset/task``.
        methods: their names.
        metrics: of `METRICS`; the first that a task's protocol has orders its table.
        budgets: their names.
    """

    tasks: Sequence[str] = ()
    methods: Sequence[str] = ()
    metrics: Sequence[str] = ()
    budgets: Sequence[str] = ()

    def check(self, records: Iterable[Record], cards: Cards, protocol: str | None) -> None:
        """Refuse names that no record has, and metrics that a table's protocol does not give.

        Args:
            records: of the whole store.
            cards: where the tasks' headline protocols come from.
            protocol: that all tables show; None stands for each task's headline.

        Raises:
            UnknownName: a name without a record, or no such metric.
            UsageError: a protocol does not have the metrics.
        """
        kept = list(records)
        for kind, wanted, known in (
            ("task", self.tasks, {one.task for one in kept}),
            ("method", self.methods, {one.method for one in kept}),
            ("budget", self.budgets, {one.budget for one in kept}),
        ):
            for name in wanted:
                if name not in known:
                    raise UnknownName(
                        f"{kind} of this store:", name, known, hint="bench list cells"
                    )
        for name in self.metrics:
            if name not in METRICS:
                raise UnknownName("metric", name, METRICS, hint="bench list protocols")
        if self.metrics:
            for task in sorted({one.task for one in self.records(kept)}):
                self._check_metric(task, cards, protocol)

    def _check_metric(self, task: str, cards: Cards, protocol: str | None) -> None:
        name = protocol or headline_of(task, cards.datasets).protocol
        card = cards.protocols.get(name)
        if card is None or set(card.metrics) & set(self.metrics):
            return
        others = [
            one.id for one in cards.protocols.values() if set(one.metrics) & set(self.metrics)
        ]
        raise UsageError(
            f"{name}, by which {task} is reported, has no {' or '.join(self.metrics)}; "
            f"it has: {', '.join(card.metrics)}",
            hint=f"choose another protocol with --protocol: {', '.join(others)}"
            if others
            else "bench list protocols",
        )

    def records(self, records: Iterable[Record]) -> list[Record]:
        """The records to report, with the wanted metrics alone."""
        return [
            self._with_metrics(one)
            for one in records
            if _keeps(self.tasks, one.task)
            and _keeps(self.methods, one.method)
            and _keeps(self.budgets, one.budget)
        ]

    def _with_metrics(self, record: Record) -> Record:
        if not self.metrics:
            return record
        numbers = {name: self._numbers(one) for name, one in record.protocols.items()}
        kept = {
            name: one
            for name, one in numbers.items()
            if one.metrics or not record.protocols[name].metrics
        }
        return record.model_copy(update={"protocols": kept})

    def _numbers(self, numbers: ProtocolNumbers) -> ProtocolNumbers:
        kept = {name: value for name, value in numbers.metrics.items() if name in self.metrics}
        return numbers.model_copy(update={"metrics": kept})

    def cards(self, cards: Cards) -> Cards:
        """Cards as if there were only the wanted methods and metrics."""
        methods = {k: one for k, one in cards.methods.items() if _keeps(self.methods, k)}
        if not self.metrics:
            return replace(cards, methods=methods)
        protocols = {name: self._protocol(one) for name, one in cards.protocols.items()}
        datasets = {name: self._dataset(one, protocols) for name, one in cards.datasets.items()}
        return Cards(datasets=datasets, methods=methods, protocols=protocols)

    def _protocol(self, card: ProtocolCard) -> ProtocolCard:
        kept = [one for one in self.metrics if one in card.metrics]
        return card.model_copy(update={"metrics": kept})

    def _dataset(self, card: DatasetCard, protocols: Mapping[str, ProtocolCard]) -> DatasetCard:
        tasks = {name: _headed(one, protocols) for name, one in card.tasks.items()}
        return card.model_copy(update={"tasks": tasks})

    def published(self, rows: Iterable[PublishedRow]) -> list[PublishedRow]:
        """The rows of papers about the kept tasks and metrics, with the kept methods."""
        found = []
        for row in rows:
            values = [one for one in row.values if _keeps(self.methods, one.ours or "")]
            asked = all(
                any(_keeps(self.tasks, one) for one in (task, *row.stand_ins.get(task, ())))
                for task in row.tasks
            )
            if values and asked and _keeps(self.metrics, row.metric):
                found.append(row.model_copy(update={"values": values}))
        return found


def _keeps(wanted: Sequence[str], name: str) -> bool:
    return not wanted or name in wanted


def _headed(task: Task, protocols: Mapping[str, ProtocolCard]) -> Task:
    """The task with a headline metric that its protocol still has."""
    card = protocols.get(task.headline.protocol)
    if card is None or not card.metrics or task.headline.metric in card.metrics:
        return task
    headline = task.headline.model_copy(update={"metric": card.metrics[0]})
    return task.model_copy(update={"headline": headline})
