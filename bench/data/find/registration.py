"""What the table of a registered dataset says: how each subject went, and what is odd."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.cards import Registration
from bench.data.find.csv_files import REST, long_rows, reading, require_header
from bench.data.findings import Finding, some
from bench.errors import DataError, counted, counted_of

TABLE = "registration.csv"
"""Beside the subjects; a row for each subject, also for one that failed."""
N4 = "N4"
"""The step of a card that says that brightness was evened."""

Row = Mapping[str, str]
_NEEDED = ("subject", "dice", "lesions", "lesions_lost", "odd", "failed")
_MOST_BYTES = 50_000_000


def registration_findings(root: Path, card: Registration) -> Iterator[Finding]:
    """What a check says of a registration.

    Args:
        root: the folder of the registered dataset.
        card: how it was made.
    """
    again = f"bench data register {card.source}"
    try:
        rows = _rows(root / TABLE)
        lesions, lost = (sum(_counts(rows, one)) for one in ("lesions", "lesions_lost"))
        overlaps = sorted(_numbers(rows, "dice"))
    except DataError as error:
        yield Finding("warning", TABLE, str(error), again)
        return
    failed = {row["subject"]: row["failed"] for row in rows if row["failed"]}
    yield Finding("info", TABLE, _told(card, len(rows) - len(failed), overlaps), "")
    for row in rows:
        if row["odd"]:
            yield Finding(
                "warning",
                f"subject {row['subject']}",
                f"its registration is odd: {row['odd']}",
                f"look at {row['subject']}/registered.png; `exclude` in the card leaves it out",
            )
    if failed:
        first = next(iter(failed.values()))
        yield Finding(
            "warning",
            TABLE,
            f"{counted_of(len(failed), len(rows), 'subject')} could not be registered: "
            f"{some([*failed])}; the first: {first}",
            f"correct the files, then {again}",
        )
    if lost:
        losers = [row["subject"] for row in rows if row["lesions_lost"] not in ("", "0")]
        yield Finding(
            "warning",
            TABLE,
            f"lost in the registration: {counted_of(lost, lesions, 'lesion')}, which have no voxel "
            f"within the brain mask; of subjects {some(losers)}",
            "look at the pictures of these subjects; smaller voxels (--voxel) keep more",
        )


def _told(card: Registration, count: int, overlaps: Sequence[float]) -> str:
    versions = ", ".join(f"{name} {one}" for name, one in card.versions.items())
    dice = ""
    if overlaps:
        dice = (
            f"; brain masks overlap the template's by Dice {statistics.median(overlaps):.2f} "
            f"({overlaps[0]:.2f} to {overlaps[-1]:.2f})"
        )
    return (
        f"{counted(count, 'subject')} of {card.source} registered ({', '.join(card.steps)}; "
        f"{versions}){dice}"
    )


def _rows(path: Path) -> list[Row]:
    """The rows of the table.

    Raises:
        DataError: it does not exist, or is not such a table.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES} bytes, which no table needs")
        with reading(path), path.open(newline="", encoding="utf-8-sig") as handle:
            table = csv.DictReader(handle, restkey=REST, strict=True)
            require_header(path, table.fieldnames or [], _NEEDED)
            every = list(table)
            long = long_rows(every, ["subject"])
            if long:
                raise DataError(
                    f"the row of {every[min(long)]['subject']} in {path} has more cells than there"
                    " are columns"
                )
            return [{name: row[name] or "" for name in _NEEDED} for row in every]
    except FileNotFoundError as error:
        raise DataError(f"the table of the registration {path} does not exist") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _numbers(rows: Sequence[Row], column: str) -> list[float]:
    """The numbers of a column; empty cells are left out."""
    found = []
    for row in rows:
        if row[column]:
            try:
                number = float(row[column])
            except ValueError:
                number = math.nan
            if not math.isfinite(number):
                raise DataError(
                    f"{TABLE}, subject {row['subject']}: {column} is {row[column]!r}, "
                    "expected a number"
                )
            found.append(number)
    return found


def _counts(rows: Sequence[Row], column: str) -> list[int]:
    return [int(one) for one in _numbers(rows, column)]
