"""Takes the cells of one store into another; loses nothing and overwrites no number."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from bench.checksums import DamagedFile, check_folder, is_sealed
from bench.errors import StoreError, in_words
from bench.store.locks import hold
from bench.store.records import Record
from bench.store.store import Store
from bench.upkeep.parts import files_below, has_names_of_a_store

SAME_WITHIN = 1e-6
"""Numbers from 0 to 1 that are closer are the same: sums in another order move the last bits."""


@dataclass
class Merged:
    """What a merge did.

    Attributes:
        taken: records that are new here, or replace a record without numbers.
        added: cells that were here and got what they lacked: predictions, a fit, protocols.
        same: cells that were here already, with everything.
        conflicts: cells with other numbers here than there, in words; ours stay.
        problems: what could not be taken, in words.
    """

    taken: int = 0
    added: int = 0
    same: int = 0
    conflicts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def merge(source: Store, target: Store) -> Merged:
    """Take all cells of a store into another. A second time it does nothing.

    A record with numbers replaces one that failed or was skipped. Where both have numbers and
    these differ, ours stay and the cell is named. The record is written after all that belongs
    to it, so a kill leaves whole cells only.

    Args:
        source: is only read.
        target: open for writing.

    Raises:
        StoreError: the target cannot be written.
    """
    merged = Merged()
    records, broken = source.read_all()
    merged.problems += [f"{one.path} cannot be read: {one.problem}" for one in broken]
    for record in records:
        if not has_names_of_a_store(record):
            merged.problems.append(f"{record.task} {record.method} {record.key}: not a file name")
            continue
        with hold(target.lock_path("cell", record.key)):
            _merge_cell(record, source, target, merged)
    return merged


def _merge_cell(theirs: Record, source: Store, target: Store, merged: Merged) -> None:
    name = f"{theirs.method} on {theirs.task}, seed {theirs.seed} ({theirs.key[:12]})"
    try:
        ours = target.read_record(theirs.task, theirs.method, theirs.key)
        conflict = conflict_of(ours, theirs) if ours is not None else None
        if conflict is not None:
            merged.conflicts.append(f"{name}: {conflict}")
            return
        if ours is not None and theirs.status != "done":
            merged.same += 1
            return
        copied = _copy_folders(theirs, source, target)
    except (DamagedFile, StoreError) as error:
        merged.problems.append(f"{name}: {in_words(error)}")
        return
    if ours is None or ours.status != "done":
        log = source.log_path(theirs.key)
        if log.is_file() and not target.log_path(theirs.key).exists():
            shutil.copyfile(log, target.log_path(theirs.key))
        target.write_record(theirs)
        merged.taken += 1
        return
    more = {**theirs.protocols, **ours.protocols}
    if more.keys() != ours.protocols.keys():
        target.write_record(ours.model_copy(update={"protocols": more}))
        copied = True
    merged.added += copied
    merged.same += not copied


def conflict_of(
    ours: Record, theirs: Record, names: tuple[str, str] = ("here", "there")
) -> str | None:
    """What two records of one cell disagree about, in words; None where they agree.

    Args:
        ours: of one store.
        theirs: of another, with the same key.
        names: what to call the two stores.
    """
    if ours.fit_key != theirs.fit_key:
        return "the same key and another fit"
    if ours.status != "done" or theirs.status != "done":
        return None
    first, second = names
    for protocol in sorted(ours.protocols.keys() & theirs.protocols.keys()):
        one, other = ours.protocols[protocol], theirs.protocols[protocol]
        if one.status != other.status:
            return f"{protocol} is {one.status} {first} and {other.status} {second}"
        for metric in sorted(one.metrics.keys() | other.metrics.keys()):
            here, there = one.metrics.get(metric), other.metrics.get(metric)
            gap = math.inf if here is None or there is None else abs(here - there)
            if gap > SAME_WITHIN:
                return f"{protocol} {metric} is {here} {first} and {there} {second}"
    return None


def _copy_folders(record: Record, source: Store, target: Store) -> bool:
    """Copy predictions and fit where the target lacks them; whether anything was copied.

    Raises:
        DamagedFile: a file has other bytes than were written.
    """
    predictions = source.prediction_folder(record.key), target.prediction_folder(record.key)
    fit = source.fit_folder(record.fit_key), target.fit_folder(record.fit_key)
    copied = _copy(*predictions, target)
    with hold(target.lock_path("fit", record.fit_key)):
        return _copy(*fit, target) or copied


def _copy(folder: Path, place: Path, target: Store) -> bool:
    if not folder.is_dir() or place.exists():
        return False
    if is_sealed(folder):
        check_folder(folder)
    with target.new_folder(place) as partial:
        for path in files_below(folder):
            copy = partial / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return True
