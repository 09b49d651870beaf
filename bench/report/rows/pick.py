"""Chooses the records that may be averaged: one line's seeds, all of one version on one data.

Where records of one line differ in their files or versions, the newest ones by the time in their
provenance are the line, and the others are set aside and counted. A store says more: it knows
which files are there now (`bench.store.current`), so its older records come here as ``older``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.store.records import Record


class LineKey(NamedTuple):
    """What all numbers of one line of a table share; also the order of lines.

    Attributes:
        method: its name; of methods of one name from several files, with the file.
        config: the settings that differ from the defaults, as JSON with sorted keys.
        stale: of a line of older files or versions, when it was made; else empty.
    """

    task: str
    method: str
    config: str
    train_on: str
    budget: str
    stale: str = ""

    @classmethod
    def of(
        cls,
        task: str,
        method: str,
        config: Mapping[str, Any],
        train_on: str | None,
        budget: str | None,
        stale: str = "",
    ) -> LineKey:
        """The key of a row or record; published values have no source and no budget."""
        return cls(task, method, sorted_json(config), train_on or "", budget or "", stale)


NumberKey = tuple[LineKey, str, str]
"""A line, a protocol and a metric: what makes two rows the same number."""


@dataclass(frozen=True)
class Line:
    """The records of one (task, method, config, train_on, budget).

    Attributes:
        done: one record per seed, by seed; same versions, budget values, files and subjects.
        undone: skipped or failed records of seeds that are not in ``done``, by seed.
        left_out: how many of the records given were set aside: older versions or other files.
        lacking: seeds that only older records have.
    """

    key: LineKey
    done: tuple[Record, ...]
    undone: tuple[Record, ...]
    left_out: int = 0
    lacking: tuple[int, ...] = ()

    @property
    def task(self) -> str:
        """``dataset/name``."""
        return self.key.task

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


def pick_lines(
    records: Iterable[Record], older: Iterable[Record] = (), *, show_older: bool = False
) -> list[Line]:
    """Group records into lines, in an order that does not depend on theirs.

    Args:
        records: those that count.
        older: records that are stale. They are in no line; they tell which seeds a line lacks.
        show_older: also give lines of them, each with `LineKey.stale`.
    """
    groups, old = _grouped(records), _grouped(older)
    lines = [_line(key, groups[key], old.get(key, ())) for key in groups]
    if show_older:
        lines += [line for key in old for line in _stale_lines(key, old[key])]
    return sorted(lines, key=lambda line: line.key)


def _grouped(records: Iterable[Record]) -> dict[LineKey, list[Record]]:
    """Records by line; methods of one name from several files are lines of their own."""
    groups: dict[LineKey, list[Record]] = defaultdict(list)
    for record in records:
        groups[line_key(record)].append(record)
    apart: dict[LineKey, list[Record]] = defaultdict(list)
    for key, group in groups.items():
        names = _origins(group)
        for record in group:
            name = names[_sources(record)]
            apart[key._replace(method=f"{key.method} ({name})") if name else key].append(record)
    return apart


def _origins(records: Sequence[Record]) -> dict[str, str]:
    """By the fingerprint of a method's source, the file to name; empty where all have one file.

    An edited file is the same method in another version, and so is a file that was moved.
    """
    files: dict[str, str] = {}
    for record in sorted(records, key=_age):
        files[_sources(record)] = str(record.provenance.get("method_file", ""))
    distinct = sorted(set(files.values()) - {""})
    if len(set(files.values())) < 2:
        return dict.fromkeys(files, "")
    short = {file: file.replace("\\", "/").rpartition("/")[2] for file in distinct}
    alike = len(set(short.values())) < len(distinct)
    return {source: file if alike else short.get(file, "") for source, file in files.items()}


def _sources(record: Record) -> str:
    return record.fingerprints.get("method", "")


def _line(key: LineKey, records: Sequence[Record], older: Sequence[Record]) -> Line:
    """The newest version of a line; of its seeds those that share their subjects."""
    chosen = _newest_last(records, _version)[-1]
    finished = [one for one in chosen if one.status == "done"]
    same = _newest_last(finished, _subjects)[-1] if finished else []
    done = {one.seed: one for one in same}
    undone = {one.seed: one for one in chosen if one.status != "done" and one.seed not in done}
    measured = {one.seed for one in [*records, *older] if one.status == "done"}
    return Line(
        key,
        tuple(done[seed] for seed in sorted(done)),
        tuple(undone[seed] for seed in sorted(undone)),
        left_out=len(records) - len(done) - len(undone),
        lacking=tuple(sorted(measured - set(done) - set(undone))),
    )


def _stale_lines(key: LineKey, records: Sequence[Record]) -> list[Line]:
    """Older lines, one for each version of files and method that finished."""
    finished = [one for one in records if one.status == "done"]
    lines: dict[str, Line] = {}
    for group in _newest_last(finished, _version):
        name = str(group[-1].provenance.get("finished", "")) or group[-1].key[:12]
        if name in lines:
            name = f"{name}, {group[-1].key[:12]}"
        lines[name] = _line(key._replace(stale=name), group, ())
    return list(lines.values())


def _newest_last(records: Iterable[Record], tell: Callable[[Record], str]) -> list[list[Record]]:
    """Records in groups that ``tell`` says the same of, the newest of a group and of all last.

    Where the time does not decide, as in records without one, the group with the most test
    subjects counts as newest, then the one with the most records.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for one in sorted(records, key=_age):
        groups[tell(one)].append(one)
    return sorted(
        groups.values(),
        key=lambda group: (
            _age(group[-1])[:3],
            max(len(one.subjects.test) for one in group),
            len(group),
            tell(group[0]),
        ),
    )


def _age(record: Record) -> tuple[str, int, int, str]:
    """Sorts the newest last; old records do not say when they finished."""
    finished = str(record.provenance.get("finished", ""))
    return finished, record.dataset_version, record.method_version, record.key


def _version(record: Record) -> str:
    """What a cell was made of; a mean over cells that differ in it would be of nothing."""
    return sorted_json(
        [
            record.dataset_version,
            record.method_version,
            record.budget_values,
            record.fingerprints,
            record.resolved_config,
        ]
    )


def _subjects(record: Record) -> str:
    subjects = record.subjects
    return sorted_json([sorted(subjects.train), sorted(subjects.validation), sorted(subjects.test)])
