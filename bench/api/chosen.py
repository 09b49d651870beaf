"""The part of a store that a report is about, for the library and the command line alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.api.places import Names, all_cards, as_list

if TYPE_CHECKING:
    from bench.cards import PublishedRow
    from bench.planning.staleness import Current
    from bench.report import Cards


@dataclass(frozen=True)
class Part:
    """What a report is made of.

    Attributes:
        current: records of the wanted tasks, methods, metrics and budgets.
        cards: as if there were only these.
        published: rows of papers about them.
        protocol: ``name@version`` to report alone; None shows each task's headline protocol.
    """

    current: Current
    cards: Cards
    published: Sequence[PublishedRow]
    protocol: str | None


def chosen_part(
    current: Current,
    *,
    tasks: Names = (),
    methods: Names = (),
    metrics: Names = (),
    budgets: Names = (),
    protocol: str | None = None,
) -> Part:
    """Keep what is wanted of a store; an empty filter keeps everything.

    Args:
        current: of the whole store.
        tasks: full names, ``dataset/task``.
        methods: their names.
        metrics: their names; the first orders tables.
        budgets: their names.
        protocol: as a user names it, with or without its version.

    Raises:
        UnknownName: a name that no record has, or no such protocol or metric.
        UsageError: a protocol without the metrics.
    """
    from bench import registry
    from bench.report.rows.chosen import Chosen

    cards = all_cards()
    kept = Chosen(as_list(tasks), as_list(methods), as_list(metrics), as_list(budgets))
    only = registry.protocol(protocol).id if protocol else None
    kept.check([*current.records, *current.older], cards, only)
    return Part(
        replace(current, records=kept.records(current.records), older=kept.records(current.older)),
        kept.cards(cards),
        kept.published(registry.load_rows()),
        only,
    )
