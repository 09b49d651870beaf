"""What is known of each subject: a table beside the images, which no method reads."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import regex

from bench.cards import SubjectTable
from bench.data.files import safe_id
from bench.data.find.csv_files import REST, long_rows, reading, require_header
from bench.data.findings import Finding, some
from bench.errors import CardError, DataError, counted, counted_of

_MOST_BYTES = 50_000_000
_DELIMITERS = (",", "\t", ";")
_PIECE = re.compile(r"(\{subject\}|\*)")
_SECONDS = 2.0
_MOST_ZEROS = 8  # that a table may write before an id


@dataclass(frozen=True)
class KnownSubjects:
    """The rows of a table, by the subjects that are there.

    Attributes:
        path: the file.
        columns: its columns without that of the subject, in the file's order.
        values: by subject and column; what the table does not state is absent.
        findings: rows of no subject or with more cells than columns, subjects without a row,
            doubles: all counted.
    """

    path: Path
    columns: tuple[str, ...]
    values: Mapping[str, Mapping[str, str]]
    findings: tuple[Finding, ...]


def read_subject_table(root: Path, card: SubjectTable, subjects: Collection[str]) -> KnownSubjects:
    """Read a table of subjects.

    Args:
        root: the dataset's folder.
        card: which file, and how it names subjects.
        subjects: ids of the subjects that are there.

    Raises:
        CardError: the file would be outside the dataset's folder, or the pattern has no
            ``{subject}`` or takes too long.
        DataError: the file is missing, is not a table, or lacks the column.
    """
    if ".." in PurePosixPath(card.file).parts or PurePosixPath(card.file).is_absolute():
        raise CardError(f"table {card.file!r} must be a file inside the dataset's folder")
    path = root / card.file
    columns, rows, long = _rows(path, card.subject)
    subjects = frozenset(subjects)
    short = _without_zeros(subjects)
    found: dict[str, list[dict[str, str]]] = {}
    odd: list[str] = []
    unknown: list[str] = []
    for cell, row in rows:
        name = _subject(card.pattern, cell)
        if name and ("{subject}*" in card.pattern or "*{subject}" in card.pattern):
            name = _longest(card.pattern, cell, subjects, short) or cell
        known = _known(name, subjects, short)
        if not name:
            odd.append(cell)
        elif known is None:
            unknown.append(name)
        else:
            stated = {c: v for c, v in row.items() if v and v not in card.missing}
            found.setdefault(known, []).append(stated)
    twice = {one: rows for one, rows in found.items() if len(rows) > 1}
    unlike = sorted(one for one, rows in twice.items() if any(row != rows[0] for row in rows))
    findings = _findings(
        path,
        {
            "long": long,
            "odd": odd,
            "unknown": unknown,
            "unlike": unlike,
            "alike": sorted(set(twice) - set(unlike)),
            "absent": sorted(set(subjects) - set(found)),
        },
        len(set(subjects)),
        card.pattern,
    )
    values = {one: rows[0] for one, rows in found.items() if one not in unlike}
    return KnownSubjects(path, columns, values, tuple(findings))


def _findings(
    path: Path, ids: Mapping[str, list[str]], total: int, pattern: str
) -> Iterator[Finding]:
    where = path.name
    if ids["long"]:
        yield Finding(
            "warning",
            where,
            f"{counted(len(ids['long']), 'row')} with more cells than there are columns, so that "
            f"none of them counts: {some(ids['long'], 3)}",
            "put a value with a comma (3,5) into quotes, or part the columns by semicolons",
        )
    if ids["odd"]:
        yield Finding(
            "warning",
            where,
            f"{counted(len(ids['odd']), 'row')} whose subject is not written as {pattern!r}: "
            f"{some(ids['odd'], 3)}",
            "correct `pattern` in the card's [subjects_table], or the rows",
        )
    if ids["unknown"]:
        yield Finding(
            "info",
            where,
            f"{counted(len(ids['unknown']), 'row')} of subjects without images: "
            f"{some(ids['unknown'], 3)}",
            "nothing to do if these images were never there",
        )
    if ids["unlike"]:
        yield Finding(
            "warning",
            where,
            f"{counted(len(ids['unlike']), 'subject', 'have')} several rows that differ, so none "
            f"of them counts: {some(ids['unlike'], 3)}",
            "keep one row of each subject",
        )
    if ids["alike"]:
        yield Finding(
            "info",
            where,
            f"{counted(len(ids['alike']), 'subject', 'have')} several equal rows: "
            f"{some(ids['alike'], 3)}",
            "",
        )
    if ids["absent"]:
        yield Finding(
            "warning",
            where,
            f"{counted_of(len(ids['absent']), total, 'subject', 'have')} no row: "
            f"{some(ids['absent'], 3)}",
            "add rows; until then these subjects are in the group 'not stated'",
        )


_Rows = list[tuple[str, dict[str, str]]]


def _rows(path: Path, subject: str) -> tuple[tuple[str, ...], _Rows, list[str]]:
    """The other columns; by row the subject's cell and theirs; subjects of too long rows."""
    hint = "correct [subjects_table] in the dataset's card"
    with reading(path):
        if not path.exists():
            raise DataError(f"the table of subjects {path} does not exist", hint=hint)
    with reading(path), path.open(newline="", encoding="utf-8-sig") as handle:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES} bytes, which no table needs")
        head = handle.readline()
        reader = csv.DictReader(
            _with_head(head, handle),
            restkey=REST,
            delimiter=max(_DELIMITERS, key=head.count),
            strict=True,  # else a quote that never ends takes all further rows
        )
        header = [*(reader.fieldnames or [])]
        # Signs at the end of all lines make columns without a name, which nobody can ask for.
        columns = tuple(one for one in header if one not in (subject, ""))
        require_header(path, header, [subject, *dict.fromkeys(columns)])
        rows: _Rows = []
        long: list[str] = []
        every = list(reader)
        too_long = long_rows(every, [subject])
        for at, row in enumerate(every):
            cell = (row[subject] or "").strip()
            if at in too_long:
                long.append(cell)
            elif cell:
                rows.append((cell, {one: (row[one] or "").strip() for one in columns}))
    return columns, rows, long


def _with_head(head: str, rest: Iterator[str]) -> Iterator[str]:
    yield head
    yield from rest


def _known(name: str, subjects: Collection[str], short: Mapping[str, str]) -> str | None:
    """The subject that a table means by a name; None where there is none."""
    if name in subjects:
        return name
    if name and "/" not in name:  # the layout turned the same name into an id
        safe = safe_id(name, "table of subjects")
        if safe in subjects:
            return safe
    return short.get(_plain(name))


def _plain(name: str) -> str:
    """An id without leading zeros, its letters written in one way: macOS parts ö in two."""
    return unicodedata.normalize("NFC", name).lstrip("0")


def _without_zeros(subjects: Collection[str]) -> dict[str, str]:
    """Subjects by their plain ids, where such a one names only one."""
    found: dict[str, list[str]] = {}
    for one in subjects:
        found.setdefault(_plain(one), []).append(one)
    return {name: ids[0] for name, ids in found.items() if len(ids) == 1}


def _subject(pattern: str, cell: str) -> str:
    """The id within a cell; empty where the pattern does not fit."""
    if pattern.count("{subject}") != 1:
        raise CardError(f"pattern {pattern!r} of [subjects_table] must hold {{subject}} once")
    match = _fits(pattern, pattern, cell)
    return match.group(1).strip() if match else ""


def _longest(pattern: str, cell: str, subjects: Collection[str], short: Mapping[str, str]) -> str:
    """The longest part of a cell that is an id, where `*` beside it leaves open where it ends."""
    before, after = pattern.split("{subject}")
    most = max(map(len, subjects), default=0) + _MOST_ZEROS
    for size in range(min(most, len(cell)), 0, -1):
        for start in range(len(cell) - size + 1):
            name, rest = cell[start : start + size], cell[start + size :]
            known = name in subjects or _plain(name) in short
            if known and _fits(before, pattern, cell[:start]) and _fits(after, pattern, rest):
                return name
    return ""


def _fits(piece: str, pattern: str, text: str) -> regex.Match[str] | None:
    """Whether a piece of a pattern is the whole of a text."""
    kinds = {"{subject}": "(.+?)", "*": ".*"}
    expression = "".join(kinds.get(one) or regex.escape(one) for one in _PIECE.split(piece))
    try:
        return regex.fullmatch(expression, text, timeout=_SECONDS)
    except TimeoutError as error:
        raise CardError(
            f"pattern {pattern!r} of [subjects_table] takes more than {_SECONDS:g} s"
        ) from error
