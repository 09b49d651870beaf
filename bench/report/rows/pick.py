"""Chooses the records that may be averaged: one line's seeds, all of one version on one data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.store.records import Record


class LineKey(NamedTuple):
    """What all numbers of one line of a table share; also the order of lines.

    Attributes:
        config: the settings that differ from the defaults, as JSON with sorted keys.
    """

    task: str
    method: str
    config: str
    train_on: str
    budget: str

    @classmethod
    def of(
        cls,
        task: str,
        method: str,
        config: Mapping[str, Any],
        train_on: str | None,
        budget: str | None,
    ) -> LineKey:
        """The key of a row or record; published values have no source and no budget."""
        return cls(task, method, sorted_json(config), train_on or "", budget or "")


NumberKey = tuple[LineKey, str, str]
"""A line, a protocol and a metric: what makes two rows the same number."""


@dataclass(frozen=True)
class Line:
    """The records of one (task, method, config, train_on, budget).

    Attributes:
        done: one record per seed, by seed; same versions, budget values, files and subjects.
        undone: skipped or failed records of seeds that are not in ``done``, by seed.
        left_out: how many records of older versions or of other files were set aside.
    """

    task: str
    done: tuple[Record, ...]
    undone: tuple[Record, ...]
    left_out: int

    @property
    def first(self) -> Record:
        """A record that says what the line is."""
        return (self.done or self.undone)[0]


def sorted_json(value: object) -> str:
    """JSON that does not depend on the order of keys, for grouping and ordering."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def line_key(record: Record) -> LineKey:
    """The line that a record belongs to; its seed makes no difference."""
    return LineKey.of(record.task, record.method, record.config, record.train_on, record.budget)


def pick_lines(records: Iterable[Record]) -> list[Line]:
    """Group records into lines, in an order that does not depend on theirs."""
    groups: dict[LineKey, list[Record]] = defaultdict(list)
    for record in records:
        groups[line_key(record)].append(record)
    return [_line(key.task, groups[key]) for key in sorted(groups)]


def _line(task: str, records: list[Record]) -> Line:
    newest = max((one.dataset_version, one.method_version) for one in records)
    current = sorted(
        (one for one in records if (one.dataset_version, one.method_version) == newest),
        key=lambda one: (one.seed, one.key),
    )
    done = _widest([one for one in current if one.status == "done"])
    seeds = {one.seed for one in done}
    undone: dict[int, Record] = {}
    for one in current:
        if one.status != "done" and one.seed not in seeds:
            undone.setdefault(one.seed, one)
    kept = len(done) + len(undone)
    return Line(task, done, tuple(undone.values()), left_out=len(records) - kept)


def _widest(done: Sequence[Record]) -> tuple[Record, ...]:
    """The seeds that share files and budget values: those with the most test subjects.

    Cells of one line differ in these where subjects were added or a budget was edited between
    two runs; a mean over both would be of nothing.
    """
    variants: dict[str, dict[int, Record]] = defaultdict(dict)
    for one in done:
        variants[_variant(one)].setdefault(one.seed, one)
    if not variants:
        return ()
    best = max(
        variants,
        key=lambda name: (
            max(len(one.subjects.test) for one in variants[name].values()),
            len(variants[name]),
            name,
        ),
    )
    return tuple(variants[best].values())


def _variant(record: Record) -> str:
    subjects = record.subjects
    return sorted_json(
        [
            record.budget_values,
            record.fingerprints,
            sorted(subjects.train),
            sorted(subjects.validation),
            sorted(subjects.test),
        ]
    )
