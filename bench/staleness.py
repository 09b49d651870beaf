"""Whether the cards have moved on since a record was written."""

from __future__ import annotations

from bench import registry
from bench.keys import key_of
from bench.records import Record


def is_stale(record: Record) -> bool:
    """Whether today's cards would give the cell another key.

    The method's version, the task's preparation and the dataset's version are compared; changed
    data files show only in `bench plan`, which reads them. A record whose method or dataset has
    no card here is not stale: it may come from somebody's plug-in.
    """
    method = registry.load_methods().get(record.method)
    if method is not None and method.version != record.method_version:
        return True
    dataset = registry.load_datasets().get(record.dataset)
    if dataset is None:
        return False
    if dataset.version != record.dataset_version:
        return True
    preparation = dataset.preparation
    prepared = record.fingerprints.get("preparation")
    return preparation is not None and prepared != key_of(preparation.model_dump(mode="json"))
