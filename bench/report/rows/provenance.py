"""Where each number comes from: the cells behind a report, and how to make each again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.errors import counted, counted_of
from bench.report.rows.cards import Cards
from bench.report.rows.pick import sorted_json
from bench.store.records import Record

# They differ from cell to cell.
_OF_THE_CELL = ("command", "finished", "setting_files", "registered")


@dataclass(frozen=True)
class CellFacts:
    """One cell.

    Attributes:
        command: would run it again.
        machine: number of its machine and versions in `Provenance`, from 1; 0 where the record
            states none.
    """

    record: Record
    command: str
    machine: int

    @property
    def subjects(self) -> str:
        """``2 of 30 subjects``."""
        subjects = self.record.subjects
        return counted_of(len(subjects.test), subjects.test_expected, "subject")

    @property
    def trained_on(self) -> str:
        """``64 subjects, 3,495 images of ixi``; without the images in older records."""
        record = self.record
        learned = record.trained_on
        subjects = learned.subjects if learned else len(record.subjects.train)
        images = f", {counted(learned.images, 'image')}" if learned else ""
        return f"{counted(subjects, 'subject')}{images} of {record.train_on}"

    @property
    def finished(self) -> str:
        """When it ended, as its record states it."""
        return str(self.record.provenance.get("finished", ""))

    @property
    def typed(self) -> str:
        """The command that ran it."""
        return str(self.record.provenance.get("command", ""))


@dataclass(frozen=True)
class Provenance:
    """All cells of a report, and the distinct machines and versions they ran on."""

    cells: tuple[CellFacts, ...]
    machines: tuple[Mapping[str, str], ...]


def provenance_of(records: Iterable[Record], cards: Cards) -> Provenance:
    """Cells by task, method, settings, training source, budget and seed."""
    ordered = sorted(
        records,
        key=lambda one: (
            one.task,
            one.method,
            sorted_json(one.config),
            one.train_on,
            one.budget,
            one.seed,
            one.key,
        ),
    )
    numbers: dict[str, int] = {}
    machines: list[Mapping[str, str]] = []
    cells = []
    for record in ordered:
        stated = {k: v for k, v in record.provenance.items() if k not in _OF_THE_CELL}
        number = 0
        if stated:
            name = sorted_json(stated)
            if name not in numbers:
                numbers[name] = len(machines) + 1
                machines.append(_flat(stated))
            number = numbers[name]
        cells.append(CellFacts(record, reproduce_command(record, cards), number))
    return Provenance(tuple(cells), tuple(machines))


def reproduce_command(record: Record, cards: Cards) -> str:
    """The `bench run` that would make a cell again, with all seeds up to its own."""
    words = ["bench", "run", "--method", record.method, "--task", record.task]
    if record.train_on != cards.default_source(record.task):
        words += ["--train-on", record.train_on]
    words += ["--budget", record.budget, "--seeds", str(record.seed + 1)]
    files = record.provenance.get("setting_files", {})  # their content stands in the config
    for key, value in sorted({**record.config, **files}.items()):
        words += ["--set", f"{key}={_setting(value)}"]
    return shlex.join([*words, "--device", record.device])


def unfinished(cells: Sequence[CellFacts]) -> list[CellFacts]:
    """Failed cells, then skipped ones."""
    rest = [one for one in cells if one.record.status != "done"]
    return sorted(rest, key=lambda one: one.record.status != "failed")


def _setting(value: object) -> str:
    """A value as ``--set`` reads it: JSON, or a bare word that is not JSON."""
    if isinstance(value, str):
        try:
            json.loads(value)
        except (ValueError, RecursionError):
            return value
    return json.dumps(value, sort_keys=True)


def _flat(stated: Mapping[str, Any]) -> dict[str, str]:
    flat = {}
    for key, value in sorted(stated.items()):
        if isinstance(value, Mapping):
            flat[key] = ", ".join(f"{name} {one}" for name, one in sorted(value.items()) if one)
        elif value is not None:
            flat[key] = str(value)
    return flat
