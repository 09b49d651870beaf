"""What all CSV files of a dataset share: rows that are too long, and damage in plain words."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import DataError

REST = "\0"
"""`csv.DictReader`'s ``restkey``: not the name of a column."""


def long_rows(rows: Sequence[Mapping[str, Any]], ids: Collection[str]) -> set[int]:
    """Rows that have more cells than there are columns, as an unquoted ``3,5`` makes them.

    Where the last columns are empty, so are the cells behind them: then two whole numbers side by
    side tell. Empty cells behind every row alike are nothing.

    Args:
        rows: all rows of a table, by column.
        ids: columns of names, which are not parts of such a number.

    Returns:
        Their places in ``rows``.
    """
    behind = [row.get(REST) or () for row in rows]
    alike = len({len(one) for one in behind}) == 1
    return {
        at
        for at, (row, rest) in enumerate(zip(rows, behind, strict=True))
        if any(one.strip() for one in rest) or (rest and not alike and _in_parts(row, ids))
    }


def _in_parts(row: Mapping[str, Any], ids: Collection[str]) -> bool:
    """Whether two cells side by side may be one number with a comma."""
    cells = [
        "" if name in ids else (value or "").strip() for name, value in row.items() if name != REST
    ]
    return any(a.lstrip("+-").isdigit() and b.isdigit() for a, b in itertools.pairwise(cells))


def require_header(path: Path, header: Sequence[str], used: Collection[str]) -> None:
    """Refuse the first line of something that is not a table, or whose columns are not clear.

    Args:
        path: the file.
        header: names of its columns.
        used: those that are read; others may have one name.

    Raises:
        DataError: it is not UTF-8 text, lacks a column, or has one twice.
    """
    if any("\0" in one for one in header):  # UTF-16 without a mark, or a spreadsheet
        raise _not_text(path)
    lacking = [one for one in used if one not in header]
    if lacking:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, lacking))}; it has"
            f" {', '.join(map(repr, header)) or 'none'}",
            hint="get the file again, or correct the names of columns in the card",
        )
    twice = [one for one in used if header.count(one) > 1]
    if twice:
        raise DataError(
            f"{path} has several columns {', '.join(map(repr, twice))}",
            hint="give each column a name of its own",
        )


def _not_text(path: Path) -> DataError:
    return DataError(f"{path} is not UTF-8 text", hint="save the table as CSV in UTF-8")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a table inside this block, with a strict `csv.DictReader`.

    Raises:
        DataError: the file cannot be read, is not UTF-8 text, or has a quote that does not end.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    except csv.Error as error:
        raise DataError(
            f"cannot read {path}: {error}", hint="look for a quote that does not end"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}") from error
