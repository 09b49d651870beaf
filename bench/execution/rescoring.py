"""Applies protocols to predictions that were kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.errors import BenchError, StoreError, in_words
from bench.execution.scoring import score_folder
from bench.store.locks import hold
from bench.store.predictions import expected_subjects
from bench.store.records import Record
from bench.store.store import Store


@dataclass(frozen=True)
class Rescored:
    """How rescoring went.

    Attributes:
        problems: one line per cell that could not be rescored.
    """

    rescored: int
    without_predictions: int
    problems: tuple[str, ...]


def rescore_store(
    store: Store,
    protocols: Sequence[str],
    *,
    processes: int,
    choose: Callable[[list[Record]], list[Record]] = lambda records: records,
) -> Rescored:
    """Apply protocols to the done cells of a store and write the numbers into their records.

    Args:
        store: the run store.
        protocols: ids, ``name@version``.
        processes: how many cells at once.
        choose: which of all records; the rest stays as it is.
    """
    store.open_for_writing()
    records, broken = store.read_all()
    done = [record for record in choose(records) if record.status == "done"]
    kept = [record for record in done if store.prediction_folder(record.key).is_dir()]
    problems = [f"{one.path}: {one.problem}" for one in broken]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(rescore_cell, store.root, one, tuple(protocols)) for one in kept]
        for record, job in zip(kept, jobs, strict=True):
            try:
                job.result()
            except BenchError as error:
                problems.append(f"{record.method} on {record.task}: {in_words(error)}")
    return Rescored(
        rescored=len(kept) - (len(problems) - len(broken)),
        without_predictions=len(done) - len(kept),
        problems=tuple(problems),
    )


def rescore_cell(root: Path, record: Record, protocols: tuple[str, ...]) -> None:
    """Apply protocols to a cell's predictions and write the numbers into the cell's record.

    Raises:
        StoreError: predictions are damaged or missing, or an existing number could not be
            made again because only scores were kept.
    """
    store = Store(root)
    with hold(store.lock_path("cell", record.key)):
        now = store.read_record(record.task, record.method, record.key)
        if now is None:
            raise StoreError("its record is gone")
        folder = store.prediction_folder(now.key)
        numbers = score_folder(protocols, folder, expected_subjects(folder, now))
        for name, made in numbers.items():
            before = now.protocols.get(name)
            if before and before.status == "done" and made.status != "done":
                raise StoreError(
                    f"{name} cannot be made again ({made.reason}); its number is left as it is",
                    hint="run the cell with --force --keep maps",
                )
        merged = {**now.protocols, **numbers}
        store.write_record(now.model_copy(update={"protocols": merged}))
