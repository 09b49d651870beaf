"""Renders summary rows for programs: JSON with the keys of `rows.columns`, and CSV alike."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from bench.report.rows.columns import COSTS, JSON_KEYS, LEARNED
from bench.report.rows.pick import sorted_json
from bench.report.rows.strata import STRATUM_KEYS, StratumRow
from bench.report.rows.summary import SummaryRow
from bench.report.tables.table import Number, Table, Text

_FLAT = tuple(one for one in JSON_KEYS if one not in ("cost", "learned"))


def to_json(rows: Sequence[SummaryRow]) -> str:
    """An array of objects, one per row, one object per line.

    Values are fractions; ``config``, ``cost`` and ``learned`` are objects; what is unknown is
    null.
    """
    objects = [json.dumps(row.as_json(), allow_nan=False, ensure_ascii=False) for row in rows]
    return "[\n" + ",\n".join(objects) + "\n]\n" if objects else "[]\n"


def to_csv(rows: Sequence[SummaryRow], stores: Sequence[str] = ()) -> str:
    """One line per row: the keys of the JSON form, the settings as JSON.

    Costs and the parts of what was learned have columns of their own. Values are fractions with
    all their digits; what is unknown is empty. Where ``stores`` are given, one for each row, they
    are the first column.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["store"] if stores else []), *_FLAT, *COSTS, *LEARNED])
    for at, row in enumerate(rows):
        content: dict[str, Any] = row.as_json()
        content["config"] = sorted_json(row.config)
        parts = [(content, _FLAT), (row.cost, COSTS), (row.learned or {}, LEARNED)]
        named = [stores[at]] if stores else []
        writer.writerow([*named, *(given.get(key) for given, keys in parts for key in keys)])
    return text.getvalue()


def table_to_csv(table: Table) -> str:
    """A table as it is: a column for each of its own, and for each spread over seeds.

    Values are fractions with all their digits; what is unknown is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads, spreads = [], [column.spread for column in table.columns]
    for column, spread in zip(table.columns, spreads, strict=True):
        heads += [column.title, *([f"{column.title} sd"] if spread else [])]
    writer.writerow(heads)
    for row in table.rows:
        cells: list[str | float | None] = []
        for cell, spread in zip(row, spreads, strict=True):
            number = cell if isinstance(cell, Number) else None
            value = number.value if number else None
            cells.append(cell.plain if isinstance(cell, Text) else value)
            cells += [number.sd if number else None] if spread else []
        writer.writerow(cells)
    return text.getvalue()


def strata_to_json(rows: Sequence[StratumRow]) -> str:
    """An array of objects with the keys `STRATUM_KEYS`; values are fractions."""
    objects = [json.dumps(row.as_json(), allow_nan=False, ensure_ascii=False) for row in rows]
    return "[\n" + ",\n".join(objects) + "\n]\n" if objects else "[]\n"


def strata_to_csv(rows: Sequence[StratumRow]) -> str:
    """One line per row, with the columns `STRATUM_KEYS`; the settings are JSON."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(STRATUM_KEYS)
    for row in rows:
        content = row.as_json() | {"config": sorted_json(row.row.config)}
        writer.writerow([content[key] for key in STRATUM_KEYS])
    return text.getvalue()
