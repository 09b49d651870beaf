"""Classes of images from a table instead of from folder names."""

from __future__ import annotations

import csv
from pathlib import Path

from bench.cards import Table
from bench.errors import DataError


def image_classes(root: Path, table: Table) -> dict[str, str]:
    """The class of each image, from a CSV file.

    Args:
        root: the dataset's folder.
        table: which file and which columns.

    Returns:
        Class by the value in the column of images, without a suffix; empty where the file does
        not exist, so that other layouts can be tried.

    Raises:
        DataError: the file does not have these columns, or gives an image two classes.
    """
    path = root / table.file
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            for row in csv.DictReader(handle):
                name, kind = Path(row[table.image].strip()).stem, row[table.label].strip()
                if found.setdefault(name, kind) != kind:
                    raise DataError(
                        f"{path} gives image {name!r} two classes, {found[name]!r} and {kind!r}",
                        hint="keep one of the lines",
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    except KeyError as error:
        raise DataError(
            f"{path} has no column {error}; expected {table.image!r} and {table.label!r}",
            hint="fetch the file again, or correct `table` in the card's layout",
        ) from error
    return found
