"""The cards that a report takes words and rules from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.cards import DatasetCard, MethodCard, ProtocolCard, Task, dataset_part


@dataclass(frozen=True)
class Cards:
    """The cards that a report takes words from; records without a card are printed all the same.

    Attributes:
        datasets: by name.
        methods: by name.
        protocols: by ``name@version``.
    """

    datasets: Mapping[str, DatasetCard] = field(default_factory=dict)
    methods: Mapping[str, MethodCard] = field(default_factory=dict)
    protocols: Mapping[str, ProtocolCard] = field(default_factory=dict)

    def task(self, name: str) -> Task | None:
        """The task called ``dataset/name``, if there is a card of it."""
        dataset, _, task = name.partition("/")
        card = self.datasets.get(dataset)
        return card.tasks.get(task) if card else None

    def default_source(self, task: str) -> str:
        """The dataset a task learns from where nobody says otherwise."""
        known = self.task(task)
        return known.default_source(task) if known else dataset_part(task)

    def is_synthetic(self, task: str) -> bool:
        """Whether the test images of a task are made, not measured."""
        card = self.datasets.get(task.partition("/")[0])
        return card is not None and card.synthetic
