"""``bench list cells``: what a run store holds, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UnknownName

if TYPE_CHECKING:
    from bench.store.records import Record

SHOWN = 12  # characters of a key that are printed; so many tell the cells of any store apart
COLUMNS = ("key", "task", "method", "seed", "status", "budget", "trained on", "settings", "made")


def cell_entries(
    results: Path,
    *,
    tasks: Sequence[str] = (),
    methods: Sequence[str] = (),
    budgets: Sequence[str] = (),
    statuses: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """The cells of a store by task, method and seed, as plain objects; stale ones say so.

    Args:
        results: the run store.
        tasks: only these; as all filters, empty for all.
        methods: only these.
        budgets: only these.
        statuses: only these of ``done``, ``skipped``, ``failed`` and ``stale``.

    Raises:
        StoreError: the store does not exist.
        UnknownName: a filter that no cell fits.
    """
    from bench.cli.tables import read_current
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    current = read_current(store, None, by_subject=False, shown=True)
    entries = [_entry(one, stale=False) for one in current.records]
    entries += [_entry(one, stale=True) for one in current.older]
    for key, wanted in (
        ("task", tasks),
        ("method", methods),
        ("budget", budgets),
        ("status", statuses),
    ):
        known = {one[key] for one in entries}
        for name in wanted:
            if name not in known:
                raise UnknownName(f"{key} of this store:", name, known, hint="bench list cells")
        entries = [one for one in entries if not wanted or one[key] in wanted]
    return sorted(entries, key=lambda one: (one["task"], one["method"], one["seed"], one["key"]))


def printed(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as a line of the printed list."""
    settings = ",".join(f"{key}={value}" for key, value in sorted(entry["config"].items()))
    return {
        **entry,
        "key": entry["key"][:SHOWN],
        "trained on": entry["train_on"],
        "settings": settings,
        "made": entry["finished"],
    }


def _entry(record: Record, *, stale: bool) -> dict[str, Any]:
    return {
        "name": f"{record.task}:{record.method}:{record.seed}",
        "key": record.key,
        "task": record.task,
        "method": record.method,
        "config": record.config,
        "train_on": record.train_on,
        "budget": record.budget,
        "seed": record.seed,
        "status": "stale" if stale else record.status,
        "reason": record.reason,
        "kept": record.kept,
        "finished": str(record.provenance.get("finished", "")),
    }
