"""Finds a cell by what a person calls it: the letters of its key, or ``TASK:METHOD[:SEED]``."""

from __future__ import annotations

from bench.errors import StoreError, UnknownName, counted
from bench.store.current import read_marks
from bench.store.records import Record
from bench.store.store import Store

_SHOWN = 12  # characters of a key; so many tell the cells of any store apart


def find_cell(store: Store, name: str) -> Record:
    """The record of a cell.

    Args:
        store: the run store.
        name: a cell's key, the first letters of it, or ``TASK:METHOD[:SEED]``. Without a seed
            that is the lowest one. Cells of files that have changed since, and cells that are not
            done, are meant only where no other bears the name.

    Raises:
        UnknownName: no record of such a task or method.
        StoreError: no cell or several cells are meant, or a record cannot be read.
    """
    if ":" not in name:
        return store.find_cell(name)
    task, method, seed = _parts(name)
    records, _ = store.read_all(by_subject=False)
    known = sorted({one.task for one in records})
    if task not in known:
        raise UnknownName("task of this store:", task, known, hint="bench list cells")
    of_task = [one for one in records if one.task == task]
    found = [one for one in of_task if one.method == method]
    if not found:
        methods = {one.method for one in of_task}
        raise UnknownName(f"method of {task} in this store:", method, methods)
    wanted = min(one.seed for one in found) if seed is None else seed
    seeds = sorted({one.seed for one in found})
    found = [one for one in found if one.seed == wanted]
    if not found:
        raise StoreError(
            f"{method} on {task} has no seed {wanted}; it has: {', '.join(map(str, seeds))}",
            hint="bench list cells",
        )
    return store.find_cell(_the_one(store, name, found).key)


def _parts(name: str) -> tuple[str, str, int | None]:
    task, _, rest = name.partition(":")
    method, _, seed = rest.partition(":")
    if seed and not (seed.isascii() and seed.isdigit() and len(seed) < 10):
        raise StoreError(
            f"the cell {name!r} must be named TASK:METHOD or TASK:METHOD:SEED, the seed a number",
            hint="bench list cells",
        )
    return task, method, int(seed) if seed else None


def _the_one(store: Store, name: str, found: list[Record]) -> Record:
    """The one that is meant: current and done where some are."""
    marks = read_marks(store)
    for better in (
        [one for one in found if not marks.moved(one)],
        [one for one in found if one.status == "done" and not marks.moved(one)],
    ):
        found = better or found
    if len(found) == 1:
        return found[0]
    lines = [f"  {one.key[:_SHOWN]}  {describe(one)}" for one in found]
    raise StoreError(
        "\n".join([f"{counted(len(found), 'cell')} are named {name!r}:", *lines]),
        hint="name one by its key",
    )


def describe(record: Record) -> str:
    """What tells cells of one task, method and seed apart."""
    settings = ", ".join(f"{key}={value}" for key, value in sorted(record.config.items()))
    finished = str(record.provenance.get("finished", ""))
    parts = (f"budget {record.budget}", f"trained on {record.train_on}", settings, finished)
    return ", ".join(one for one in parts if one)
