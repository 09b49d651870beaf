"""What is written for a cell that ended without a word of its own."""

from __future__ import annotations

from typing import Literal

from bench.errors import StoreError, in_words
from bench.execution.context import RunContext
from bench.execution.record import unfinished
from bench.planning.plan import Cell, find_record
from bench.store.locks import remove_dead
from bench.store.records import ErrorClass, Status
from bench.store.store import Store


def record_death(
    cell: Cell, context: RunContext, kind: ErrorClass, reason: str
) -> tuple[Status | Literal["unrecorded"], str]:
    """Write the record of a cell whose worker died, unless it died after its record was written.

    Args:
        cell: that was run.
        context: it was run with.
        kind: how it died.
        reason: the same in words.

    Returns:
        Status and reason for the event that ends the cell.
    """
    store = Store(context.results)
    try:
        remove_dead(store.lock_path("cell", cell.key))
        remove_dead(store.lock_path("fit", cell.fit.key))
        there = find_record(store, cell)
        if there is not None and there.status == "done" and context.fresh_after is None:
            return "done", ""
        record = unfinished(cell, context, "failed", reason, kind, device=context.device)
        store.write_record(record)
    except (StoreError, OSError) as error:  # the shared disk, of which nothing is sure
        return "unrecorded", f"{reason}; {in_words(error)}"
    return "failed", reason
