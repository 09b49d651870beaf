"""Runs a recorded cell again, apart from its store, and compares what comes out."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.data.progress import Progress
from bench.errors import RunError, StoreError
from bench.executors import OnEvent
from bench.executors.session import Agenda, RunOptions, Session
from bench.planning.plan import Cell
from bench.planning.request import Request, RunArguments, check_request
from bench.store.records import Record

SAME_WITHIN = 1e-6
"""A metric from 0 to 1 that moves by less is the same: sums in another order move the last bits."""


@dataclass(frozen=True)
class Difference:
    """A number that did not come out again.

    Attributes:
        name: protocol and metric.
        before: in the record; None where the record does not have it.
        again: of the second run; None where it has none.
    """

    name: str
    before: float | None
    again: float | None


@dataclass(frozen=True)
class Verified:
    """How a cell came out again.

    Attributes:
        before: the record that was verified.
        again: the record of the second run.
        compared: how many numbers were compared.
        largest: the largest difference among those that agree.
        differences: the numbers that do not agree.
        moved: what differs between the two runs: by ``data``, ``versions``, ``device`` and
            ``code``, one line each; a kind that is the same has no line.
    """

    before: Record
    again: Record
    compared: int
    largest: float
    differences: tuple[Difference, ...]
    moved: Mapping[str, tuple[str, ...]]


def verify_cell(
    record: Record,
    *,
    data_dir: Path | None,
    device: str | None,
    on_event: OnEvent = lambda event: None,
    progress: Progress = lambda done, total, note: None,
) -> Verified:
    """Run a cell again into a store that is thrown away, fit included, and compare the numbers.

    Args:
        record: of a done cell; neither it nor its store is changed.
        data_dir: the folder with one folder per dataset; embedded datasets need none.
        device: where to compute; None takes the record's.
        on_event: told what happens to the cell.
        progress: told how many files are read and prepared.

    Raises:
        StoreError: the cell is not done, so that it has no numbers.
        UsageError: its method, task, settings or budget do not exist here.
        DataError: files are missing.
        RunError: the cell is not done this time.
    """
    what = f"cell {record.key[:12]} ({record.method} on {record.task})"
    if record.status != "done":
        raise StoreError(
            f"{what} has no numbers to verify: it was {record.status}: {record.reason}",
            hint="bench run tries skipped and failed cells again",
        )
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as scratch:
        session = Session(
            RunOptions(
                results=Path(scratch),
                command="bench verify",
                data_dir=data_dir,
                device=device or record.device,
                keep="none",
                jobs=1,
            )
        )
        session.open()
        agenda = session.plan([_request(record)], progress)
        (cell,) = [one for one in agenda.cells if one.fit.seed == record.seed]
        cell = replace(cell, protocols=_protocols(record, cell))
        ended = session.run(Agenda((cell,), (cell,), agenda.sources), on_event, progress)
    if not ended.records or ended.records[0].status != "done":
        reasons = [reason for _, reason in ended.unrecorded]
        reasons += [f"{one.status}: {one.reason}" for one in ended.records]
        raise RunError(
            f"{what} is not done this time: {'; '.join(reasons)}",
            hint=f"bench test-method {record.method}",
        )
    again = ended.records[0]
    compared, largest, differences = _compare(_numbers(record), _numbers(again))
    return Verified(record, again, compared, largest, differences, moved(record, again))


def _request(record: Record) -> Request:
    """The request of which the cell is one, with every setting as it was."""
    files = record.provenance.get("setting_files", {})
    return check_request(
        RunArguments(
            method=[str(record.provenance.get("method_file", record.method))],
            task=[record.task],
            train_on=record.train_on,
            budget=record.budget,
            seeds=record.seed + 1,
            settings={**record.resolved_config, **files},
        )
    )


def _protocols(record: Record, cell: Cell) -> tuple[str, ...]:
    """Those of the record that exist here; later ones were added by ``bench rescore``."""
    known = registry.load_protocols()
    return tuple(name for name in record.protocols if name in known) or cell.protocols


def _numbers(record: Record) -> dict[str, float]:
    return {
        f"{protocol} {name}": value
        for protocol, numbers in record.protocols.items()
        for name, value in {**numbers.metrics, "prevalence": numbers.prevalence}.items()
        if value is not None
    }


def _compare(
    before: Mapping[str, float], again: Mapping[str, float]
) -> tuple[int, float, tuple[Difference, ...]]:
    names = sorted({*before, *again})
    found, largest = [], 0.0
    for name in names:
        one, other = before.get(name), again.get(name)
        gap = math.inf if one is None or other is None else abs(one - other)
        if gap > SAME_WITHIN:
            found.append(Difference(name, one, other))
        else:
            largest = max(largest, gap)
    return len(names), largest, tuple(found)


def moved(before: Record, again: Record) -> dict[str, tuple[str, ...]]:
    """What differs between two runs of a cell, in words, by kind.

    Args:
        before: a record.
        again: of the same method, task, settings and seed.
    """
    one, other = before.provenance, again.provenance
    kinds = {
        "data": _lines(
            {**_data(before), "dataset card": before.dataset_version},
            {**_data(again), "dataset card": again.dataset_version},
        ),
        "versions": _lines(_versions(one), _versions(other)),
        "device": _lines(
            {"device": before.device, **_picked(one, "cpu", "platform", "cores")},
            {"device": again.device, **_picked(other, "cpu", "platform", "cores")},
        ),
        "code": _lines(
            {**_code(before), **_picked(one, "commit")},
            {**_code(again), **_picked(other, "commit")},
        ),
    }
    return {kind: lines for kind, lines in kinds.items() if lines}


def _data(record: Record) -> dict[str, Any]:
    prints = {f"{name} files": record.fingerprints.get(name, "") for name in ("training", "test")}
    subjects = {
        f"{role} subjects": len(getattr(record.subjects, role))
        for role in ("train", "validation", "test")
    }
    return {**prints, **subjects, "preparation": record.fingerprints.get("preparation", "")}


def _versions(provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {**provenance.get("packages", {}), **_picked(provenance, "bench", "python")}


def _code(record: Record) -> dict[str, Any]:
    return {
        "method's version": record.method_version,
        "method's source": record.fingerprints.get("method", ""),
        "settings": record.resolved_config,
        "budget": record.budget_values,
    }


def _picked(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}


def _lines(before: Mapping[str, Any], again: Mapping[str, Any]) -> tuple[str, ...]:
    names = [*before, *(name for name in again if name not in before)]
    return tuple(
        f"{name}: {_short(before.get(name))} in the record, {_short(again.get(name))} now"
        for name in names
        if before.get(name) != again.get(name)
    )


def _short(value: object) -> str:
    text = str(value) if value not in (None, "") else "not stated"
    return text if len(text) <= 60 else f"{text[:12]}…"
