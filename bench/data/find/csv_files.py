"""What all CSV files of a dataset share: rows that are too long, and damage in plain words."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.errors import DataError

REST = "\0"
"""`csv.DictReader`'s ``restkey``: not the name of a column."""


def is_long(row: Mapping[str, Any]) -> bool:
    """Whether a row has values behind its last column, as an unquoted ``3,5`` makes it."""
    return any(one.strip() for one in row.get(REST) or ())


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read a table inside this block, with a strict `csv.DictReader`.

    Raises:
        DataError: the file cannot be read, is not UTF-8 text, or has a quote that does not end.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text", hint="save the table as CSV in UTF-8"
        ) from error
    except csv.Error as error:
        raise DataError(
            f"cannot read {path}: {error}", hint="look for a quote that does not end"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}") from error
