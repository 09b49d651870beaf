"""Rows of a report by strata: one number of one part of the test data, averaged over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.rows.cards import Cards
from bench.report.rows.summary import SummaryRow, summarise
from bench.store.strata import StratifiedCell, Stratum

STRATUM_KEYS = (
    "task",
    "by",
    "group",
    "group_subjects",
    "group_images",
    "group_lesions",
    "group_abnormal",
    "method",
    "config",
    "train_on",
    "budget",
    "seeds",
    "protocol",
    "metric",
    "value",
    "sd",
    "low",
    "high",
    "prevalence",
    "subjects",
    "status",
    "reason",
)
"""The keys of ``bench report --by ... --format json``, and the columns of CSV."""


@dataclass(frozen=True)
class StratumRow:
    """One number of one stratum.

    Attributes:
        by: what the test data are parted by.
        stratum: of the first seed; counts are those of the test data, alike for all methods.
        row: the number, averaged over seeds, with its interval.
    """

    by: str
    stratum: Stratum
    row: SummaryRow

    def as_json(self) -> dict[str, Any]:
        """The row with exactly `STRATUM_KEYS`."""
        more = {
            "by": self.by,
            "group": self.stratum.name,
            "group_subjects": self.stratum.subjects,
            "group_images": self.stratum.images,
            "group_lesions": self.stratum.lesions,
            "group_abnormal": self.stratum.abnormal,
        }
        return {key: more[key] if key in more else getattr(self.row, key) for key in STRATUM_KEYS}


def stratum_rows(cells: Sequence[StratifiedCell], by: str, cards: Cards) -> list[StratumRow]:
    """Average the strata of cells over seeds.

    Args:
        cells: in any order; those without strata give no row.
        by: what the test data were parted by.
        cards: for the metrics that a protocol should have given.

    Returns:
        By task, stratum (in the order of the cells' strata), line and metric.
    """
    groups: dict[tuple[str, str], list[tuple[StratifiedCell, Stratum]]] = {}
    for cell in sorted(cells, key=lambda one: (one.record.task, one.record.key)):
        for stratum in cell.strata:
            groups.setdefault((cell.record.task, stratum.name), []).append((cell, stratum))
    found: list[StratumRow] = []
    for members in groups.values():
        records = [
            cell.record.model_copy(update={"protocols": {cell.protocol: stratum.numbers}})
            for cell, stratum in members
        ]
        protocol = members[0][0].protocol
        rows = summarise(records, cards.datasets, cards.protocols, protocol=protocol)
        found += [StratumRow(by, members[0][1], row) for row in rows]
    return sorted(found, key=lambda one: one.row.task)
