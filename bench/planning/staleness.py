"""Whether the cards have moved on since a record was written."""

from __future__ import annotations

from pathlib import Path

from bench import registry
from bench.cards import MethodCard
from bench.data.prepare.version import preparation_fingerprint
from bench.registry.plugins import PluginCard, file_sources
from bench.store.records import Record


def is_stale(record: Record) -> bool:
    """Whether today's cards would give the cell another key.

    The method's version, the dataset's version and preparation and the budget's values are
    compared, and of a plug-in its source; changed data files show only in `bench plan`, which
    reads them. A record whose method, dataset or budget has no card here is not stale: it may
    come from somebody's plug-in.
    """
    method = registry.load_methods().get(record.method)
    if method is not None and method.version != record.method_version:
        return True
    if _sources(method, record) not in (None, record.fingerprints.get("method")):
        return True
    budget = registry.load_budgets().get(record.budget)
    if budget is not None and budget.key_values() != record.budget_values:
        return True
    dataset = registry.load_datasets().get(record.dataset)
    if dataset is None:
        return False
    if dataset.version != record.dataset_version:
        return True
    preparation = dataset.preparation
    prepared = record.fingerprints.get("preparation")
    return preparation is not None and prepared != preparation_fingerprint(preparation)


def _sources(method: MethodCard | None, record: Record) -> str | None:
    """The fingerprint of a plug-in's source as it is now; None where there is none to be had."""
    if isinstance(method, PluginCard):
        return method.sources
    file = Path(str(record.provenance.get("method_file", "")).rpartition(":")[0])
    return file_sources(file) if file.suffix == ".py" and file.is_file() else None
