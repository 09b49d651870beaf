"""Numbers of kept maps under every combination of choices, cell by cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.errors import BenchError, in_words
from bench.protocol.multiverse import VERSION, apply_multiverse
from bench.store.locks import hold
from bench.store.multiverse import (
    KeptMultiverse,
    KeptUniverse,
    identity,
    read_multiverse,
    write_multiverse,
)
from bench.store.predictions import read_predictions, require_whole
from bench.store.records import Record
from bench.store.store import Store


@dataclass(frozen=True)
class Made:
    """How it went.

    Attributes:
        made: cells that were computed now.
        bytes: of the files that were written.
        without_maps: cells whose maps were not kept, or whose method gives none.
        problems: one line per cell that could not be computed.
    """

    made: int
    bytes: int
    without_maps: int
    problems: tuple[str, ...]


def make_multiverse(
    store: Store,
    records: Sequence[Record],
    *,
    processes: int,
    progress: Callable[[int, int], None] | None = None,
) -> Made:
    """Compute what is not there yet of some cells, and keep it in the store.

    Args:
        store: the run store.
        records: of the cells; those that are not done are passed over.
        processes: how many cells at once.
        progress: called with (done, total).
    """
    lacking = read_multiverse(store, records, VERSION).lacking
    usable = [one for one in lacking if one.kept == "maps" and _kept(store, one)]
    if usable:
        store.open_for_writing()
    sizes, problems = [], []
    context = get_context("spawn")
    with ProcessPoolExecutor(max(min(processes, len(usable)), 1), mp_context=context) as pool:
        jobs = {pool.submit(make_cell, store.root, one): one for one in usable}
        for done, job in enumerate(as_completed(jobs), start=1):
            record = jobs[job]
            try:
                sizes.append(job.result())
            except BenchError as error:
                problems.append(f"{record.method} on {record.task}: {in_words(error)}")
            if progress is not None:
                progress(done, len(usable))
    return Made(len(sizes), sum(sizes), len(lacking) - len(usable), tuple(sorted(problems)))


def make_cell(root: Path, record: Record) -> int:
    """Compute one cell and keep its numbers; the size of the file in bytes.

    Raises:
        StoreError: predictions are damaged or missing, or the store cannot be written.
        MetricError: a map value is NaN or infinite.
    """
    store = Store(root)
    with hold(store.lock_path("cell", record.key)):
        folder = store.prediction_folder(record.key)
        require_whole(folder, record)
        universes = [
            KeptUniverse(level=one.level, choices=one.choices, numbers=one.numbers)
            for one in apply_multiverse(lambda: read_predictions(folder, "test"))
        ]
        kept = KeptMultiverse(design=VERSION, predictions=identity(record), universes=universes)
        return write_multiverse(store, record, kept)


def _kept(store: Store, record: Record) -> bool:
    return store.prediction_folder(record.key).is_dir()
