"""Published rows."""

from __future__ import annotations

from pydantic import Field, model_validator

from bench.cards.base import Card, MetricName, Name


class PublishedValue(Card):
    """One method's published number.

    Attributes:
        value: in the unit of the paper, percent.
        method: name as published.
        ours: name of our method that re-implements it, if there is one.
    """

    method: str
    value: float = Field(ge=0, le=100)
    ours: Name | None = None


class PublishedRow(Card):
    """One line of a published table, kept as data.

    Attributes:
        order: position in the printed table.
        tasks: our tasks that measure the same thing; several are averaged.
        stand_ins: by task of ours, other tasks that test on the same patients. Where a method has
            no number on the task, that of the first of them fills the row, marked.
        protocol: our protocol to set beside it, ``name@version``.
        not_comparable: why not, or None where the two may be compared.
    """

    name: Name
    order: int
    title: str
    metric: MetricName
    tasks: list[str]
    stand_ins: dict[str, list[str]] = Field(default_factory=dict)
    protocol: str
    values: list[PublishedValue] = Field(min_length=1)
    source: str = Field(min_length=1)
    known: str
    unknown: str
    not_comparable: str | None = None

    @model_validator(mode="after")
    def _stand_in_for_its_tasks(self) -> PublishedRow:
        others = [name for name in self.stand_ins if name not in self.tasks]
        if others:
            raise ValueError(
                f"stand_ins has {', '.join(map(repr, others))}, which is not among tasks "
                f"({', '.join(self.tasks)})"
            )
        return self
