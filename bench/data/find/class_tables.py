"""Classes of images from a table instead of from folder names."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from bench.cards import TableLayout
from bench.data.find.csv_files import REST, long_rows, reading, require_header
from bench.data.find.patterns import Found
from bench.data.find.suffixes import without_suffix
from bench.errors import CardError, DataError, counted

# A message names so many lines, and counts the others.
_SHOWN = 10


@dataclass(frozen=True)
class Row:
    """One image of a table.

    Attributes:
        image: as the table names it, without a suffix.
        subject: whose it is; empty where the table has no column of subjects.
        kind: its class.
        line: number of the line in the file, the header being line 1.
    """

    image: str
    subject: str
    kind: str
    line: int


@dataclass(frozen=True)
class ClassTable:
    """The rows of a table.

    Attributes:
        path: the file.
        with_subjects: whether it has a column of subjects.
        rows: by (subject, image); the subject is empty without a column of subjects.
    """

    path: Path
    with_subjects: bool
    rows: dict[tuple[str, str], Row]

    def attach(self, files: Iterable[Found]) -> Attached:
        """Find the row of each file.

        A table names its images as ``{image}`` does, or by the file's whole name: which of the
        two holds is decided once, by what gives more files a row.
        """
        found = list(files)
        ways = (self._by(found, whole_name=False), self._by(found, whole_name=True))
        best = max(ways, key=len)
        users: dict[tuple[str, str], list[Path]] = {}
        for path, row in best.items():
            users.setdefault((row.subject, row.image), []).append(path)
        return Attached(
            rows=best,
            unused=tuple(row for key, row in self.rows.items() if key not in users),
            users={self.rows[key].line: tuple(paths) for key, paths in users.items()},
        )

    def _by(self, files: list[Found], *, whole_name: bool) -> dict[Path, Row]:
        by_image: dict[str, list[Row]] = {}
        for row in self.rows.values():
            by_image.setdefault(row.image, []).append(row)
        rows = {}
        for file in files:
            name = normalize("NFC", file.path.name)
            image = without_suffix(name) if whole_name else file.get("image")
            subject = file.get("subject")
            fit = [
                row
                for row in by_image.get(image, ())
                if not (self.with_subjects and subject) or row.subject == subject
            ]
            if len(fit) > 1:
                raise DataError(
                    f"{self.path} gives image {image!r} several subjects, in lines"
                    f" {', '.join(str(row.line) for row in fit[:_SHOWN])}",
                    hint="put {subject} into the card's pattern, so that they can be told apart",
                )
            if fit:
                rows[file.path] = fit[0]
        return rows


@dataclass(frozen=True)
class Attached:
    """Which files have which rows.

    Attributes:
        rows: by file.
        unused: rows without a file.
        users: the files of each row that has any, by the number of its line.
    """

    rows: dict[Path, Row] = field(default_factory=dict)
    unused: tuple[Row, ...] = ()
    users: dict[int, tuple[Path, ...]] = field(default_factory=dict)


def read_table(root: Path, table: TableLayout, exclude: Collection[str] = ()) -> ClassTable | None:
    """Read the classes of the images from a CSV file.

    Args:
        root: the dataset's folder.
        table: which file and which columns.
        exclude: images whose rows are not read.

    Returns:
        None where the file does not exist, so that other layouts can be tried.

    Raises:
        CardError: the file would be outside the dataset's folder.
        DataError: the file does not have these columns, has lines without an image or a class or
            with more cells than columns, or gives an image two classes.
    """
    if ".." in PurePosixPath(table.file).parts or PurePosixPath(table.file).is_absolute():
        raise CardError(f"table {table.file!r} must be a file inside the dataset's folder")
    path = root / table.file
    if not path.is_file():
        return None
    rows: dict[tuple[str, str], Row] = {}
    holes: dict[str, list[int]] = {}
    twice: list[str] = []
    for line, cells in _lines(path, table):
        image, kind, subject = without_suffix(cells[0]), cells[1], cells[2]
        if image in exclude or cells[0] in exclude:
            continue
        wanted = {table.image: image, table.label: kind}
        wanted |= {table.subject: subject} if table.subject else {}
        empty = [column for column, value in wanted.items() if not value]
        for column in empty:
            holes.setdefault(column, []).append(line)
        if empty:
            continue
        first = rows.setdefault((subject, image), Row(image, subject, kind, line))
        if first.kind != kind:
            twice.append(
                f"image {image!r} has two classes, {first.kind!r} in line {first.line} and"
                f" {kind!r} in line {line}"
            )
    _refuse(path, holes, twice)
    return ClassTable(path, table.subject is not None, rows)


def _lines(path: Path, table: TableLayout) -> list[tuple[int, tuple[str, str, str]]]:
    """Number of the line, image, class and subject; empty where a cell is missing."""
    wanted = [table.image, table.label, *([table.subject] if table.subject else [])]
    with reading(path), path.open(newline="", encoding="utf-8-sig") as handle:
        # Strict, or a quote that never ends takes all further rows.
        reader = csv.DictReader(handle, restkey=REST, strict=True)
        require_header(path, reader.fieldnames or [], wanted)
        read = [(reader.line_num, row) for row in reader]
        named = [one for one in (table.image, table.subject) if one is not None]
        long = [read[at][0] for at in sorted(long_rows([row for _, row in read], named))]
        rows = []
        for line, row in read:
            image, kind, subject = (
                normalize("NFC", _cell(row, one))  # as the places of files
                for one in (table.image, table.label, table.subject)
            )
            rows.append((line, (image, kind, subject)))
    if long:
        raise DataError(
            f"{path}: {counted(len(long), 'line')} with more cells than there are columns: line"
            f" {_some(long)}",
            hint="put a value with a comma (3,5) into quotes",
        )
    return rows


def _cell(row: dict[str, str | None], column: str | None) -> str:
    value = row.get(column) if column is not None else None
    return value.strip() if value is not None else ""


def _refuse(path: Path, holes: dict[str, list[int]], twice: list[str]) -> None:
    faults = [
        f"{counted(len(lines), 'line')} without {column!r}: line {_some(lines)}"
        for column, lines in holes.items()
    ]
    more = len(twice) - _SHOWN
    faults += twice[:_SHOWN] + (
        [f"and {counted(more, 'more image')} with two classes"] if more > 0 else []
    )
    if faults:
        raise DataError(
            f"{path}: " + "\n  ".join(faults),
            hint="correct these lines, or name the images in `exclude` of the card",
        )


def _some(lines: list[int]) -> str:
    more = f", and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return ", ".join(map(str, lines[:_SHOWN])) + more
