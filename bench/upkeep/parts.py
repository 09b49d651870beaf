"""Which files of a store belong to a cell, and which names a store may have at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bench.store.records import Record
from bench.store.store import Store

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}"
_OF_A_STORE = re.compile(
    rf"{_NAME}/{_NAME}/{_NAME}/{_NAME}\.json"
    rf"|_fits/{_NAME}/({_NAME}/){{0,3}}{_NAME}\.(json|npz|safetensors)"
    rf"|_predictions/{_NAME}/{_NAME}\.(json|npz|npz\.zst)"
    rf"|_logs/{_NAME}\.log"
)


def is_name_of_a_store(name: str) -> bool:
    """Whether a store may have a file of this name: data only, nothing that is ever executed.

    Args:
        name: relative to the store, with forward slashes.
    """
    return _OF_A_STORE.fullmatch(name) is not None and ".." not in name


def has_names_of_a_store(record: Record) -> bool:
    """Whether a record's task, method and keys are names of files, and lead nowhere else."""
    names = (
        f"{record.task}/{record.method}/{record.key}.json",
        f"_predictions/{record.key}/subjects.json",
        f"_fits/{record.fit_key}/fit.json",
    )
    return all(map(is_name_of_a_store, names))


def files_below(folder: Path) -> Iterator[Path]:
    """The regular files in a folder and below, in the order of their names; links are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def files_of(store: Store, record: Record) -> Iterator[Path]:
    """The record, predictions, fit and log of a cell, as far as the store has them."""
    yield store.record_path(record.task, record.method, record.key)
    for folder in (store.prediction_folder(record.key), store.fit_folder(record.fit_key)):
        if folder.is_dir():
            yield from files_below(folder)
    log = store.log_path(record.key)
    if log.is_file():
        yield log
