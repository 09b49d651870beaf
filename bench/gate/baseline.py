"""The committed baseline: the rows of ``bench report --format json``, and why they changed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from bench._version import __version__
from bench.atomic import write_text
from bench.errors import StoreError, counted
from bench.faults import first_in_plain_words
from bench.report import SummaryRow
from bench.report.rows.pick import LineKey, NumberKey, pick_lines
from bench.store.records import Record

SCHEMA_VERSION = 1
NOISE = 0.0001
"""How far numbers may move between machines without a cause, as a fraction: 0.01 points.

Measured: 1.3e-8 for methods without a seed, between instruction sets; see ``results/GATE.md``."""
LEAST_SEEDS = 3


class BaselineRow(BaseModel):
    """One number; the fields that the gate reads of a report's row."""

    model_config = ConfigDict(extra="allow", frozen=True)

    task: str
    method: str
    config: dict[str, Any]
    train_on: str | None
    budget: str | None
    seeds: int
    protocol: str
    metric: str
    value: FiniteFloat | None
    sd: FiniteFloat | None
    prevalence: FiniteFloat | None
    subjects: int

    @property
    def number(self) -> NumberKey:
        """As `SummaryRow.number`."""
        line = LineKey.of(self.task, self.method, self.config, self.train_on, self.budget)
        return line, self.protocol, self.metric


class Change(BaseModel):
    """One rewriting of the baseline.

    Attributes:
        when: UTC, ISO 8601.
        bench: version of the package.
        machines: processor and torch of the cells behind the numbers.
        rows: how many numbers there are since.
        moved: how many of them are new, gone or of another value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str
    bench: str
    machines: list[str]
    rows: int
    moved: int
    reason: str | None = None


class Baseline(BaseModel):
    """What numbers should be.

    Attributes:
        noise: see `NOISE`; a repository whose runners differ more may state more.
        history: oldest first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    noise: float = Field(default=NOISE, ge=0, lt=1)
    history: list[Change] = []
    rows: list[BaselineRow] = []


def read_baseline(path: Path) -> Baseline:
    """Read a baseline.

    Raises:
        StoreError: there is none, or it is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        baseline = Baseline.model_validate(content)
    except FileNotFoundError as error:
        raise StoreError(
            f"there is no baseline at {path}",
            hint=f"make one of a store you trust: bench check --update --baseline {path}",
        ) from error
    except ValidationError as error:
        fault = first_in_plain_words(error.errors())
        raise StoreError(f"{path} is not a baseline: {fault}") from error
    except RecursionError as error:
        raise StoreError(f"{path} cannot be read as a baseline: it is nested too deeply") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} cannot be read as a baseline: {error}") from error
    if baseline.schema_version != SCHEMA_VERSION:
        raise StoreError(
            f"{path} has schema version {baseline.schema_version}, this bench reads "
            f"{SCHEMA_VERSION}",
            hint="install the bench that wrote it, or write it again with --update",
        )
    return baseline


def obstacles(records: Iterable[Record]) -> list[str]:
    """Why the records of a store should not become a baseline, in words."""
    lines = pick_lines(records)
    found = [] if lines else ["it holds no current records"]
    for line in lines:
        name = f"{line.first.method} on {line.task}"
        failed = [one for one in line.undone if one.status == "failed"]
        if failed:
            found.append(f"{name}: {counted(len(failed), 'failed cell')}")
        elif line.done and not line.first.deterministic and len(line.done) < LEAST_SEEDS:
            found.append(
                f"{name}: {len(line.done)} of the {LEAST_SEEDS} seeds that its tolerance needs"
            )
    return found


def write_baseline(
    path: Path,
    old: Baseline | None,
    rows: Sequence[SummaryRow],
    records: Iterable[Record],
    reason: str | None,
) -> Baseline:
    """Make rows the new baseline, whole or not at all.

    Args:
        path: where to; its folder is made.
        old: what it replaces, whose history and noise stay.
        rows: of `bench.report.summarise`.
        records: those behind the rows.
        reason: why, for whoever reads the history.

    Raises:
        StoreError: the file cannot be written.
    """
    old = old or Baseline()
    objects = [row.as_json() for row in rows]
    before = {row.number: row.value for row in old.rows}
    after = {row.number: row.value for row in rows}
    keys = before.keys() | after.keys()
    absent = object()
    change = Change(
        when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        bench=__version__,
        machines=sorted({_machine(record) for record in records}),
        rows=len(objects),
        moved=sum(before.get(key, absent) != after.get(key, absent) for key in keys),
        reason=reason,
    )
    head = old.model_copy(update={"history": [*old.history, change], "rows": []})
    _write(path, head, objects)
    return head.model_copy(update={"rows": [BaselineRow.model_validate(one) for one in objects]})


def _machine(record: Record) -> str:
    packages = record.provenance.get("packages", {})
    return f"{record.provenance.get('cpu', '?')}, {record.device}, torch {packages.get('torch')}"


def _write(path: Path, head: Baseline, rows: Sequence[dict[str, Any]]) -> None:
    """One row per line, so that a diff shows which numbers moved."""
    text = json.dumps(head.model_dump(mode="json", exclude={"rows"}), indent=1)
    lines = ",\n".join(f"  {json.dumps(row, allow_nan=False)}" for row in rows)
    try:
        write_text(path, f'{text[:-2]},\n "rows": [\n{lines}\n ]\n}}\n')
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
