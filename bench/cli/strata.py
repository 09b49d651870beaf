"""``bench report --by``: numbers by strata of the test data, from kept predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bench import registry
from bench.cores import usable_cores
from bench.display import display_for
from bench.errors import BenchError, UsageError

if TYPE_CHECKING:
    from bench.execution.stratifying import Wanted
    from bench.report import Cards, Table
    from bench.report.figures.chart import Chart
    from bench.report.rows.pick import Line
    from bench.report.rows.strata import StratumRow
    from bench.store.records import Record
    from bench.store.store import Store


@dataclass(frozen=True)
class Strata:
    """What a report by strata shows."""

    rows: tuple[StratumRow, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]


def strata_of(
    store: Store,
    records: Sequence[Record],
    cards: Cards,
    by: str,
    *,
    protocol: str | None,
    data_dir: Path | None,
) -> Strata:
    """Numbers by strata of every line of a report; what has none is named on stderr.

    Args:
        store: that holds the kept predictions.
        records: the current ones.
        cards: where protocols, headlines and words come from.
        by: a stratum that maps give, or a column of the datasets' tables of subjects.
        protocol: in place of each task's headline protocol.
        data_dir: folder that holds a folder per dataset, for their tables of subjects.

    Raises:
        UsageError: nothing in the store can be parted so.
    """
    from bench.execution.stratifying import stratify_cells
    from bench.report.figures.strata_chart import strata_charts
    from bench.report.rows.strata import stratum_rows
    from bench.report.tables.strata import strata_tables

    wanted, problems = _wanted(store, records, cards, by, protocol, data_dir)
    with display_for() as bars:
        cells = stratify_cells(
            wanted,
            store,
            processes=usable_cores(),
            progress=lambda done, total: bars.files(done, total, "strata"),
        )
    problems += [
        f"{one.record.method} on {one.record.task}: {one.problem}" for one in cells if one.problem
    ]
    for line in dict.fromkeys(problems):
        typer.echo(f"warning: left out: {line}", err=True)
    rows = stratum_rows(cells, by, cards)
    if not rows:
        raise UsageError(
            f"no number by {by}: nothing in {store.root} can be parted so",
            hint="the warnings above say why, and which command helps",
        )
    tables = strata_tables(rows, by, cards)
    return Strata(tuple(rows), tuple(tables), tuple(strata_charts(rows, tables, by, cards)))


def _wanted(
    store: Store,
    records: Sequence[Record],
    cards: Cards,
    by: str,
    protocol: str | None,
    data_dir: Path | None,
) -> tuple[list[Wanted], list[str]]:
    """The cells to part, and why others are left out."""
    from bench.execution.stratifying import Wanted
    from bench.report.rows.pick import pick_lines
    from bench.report.rows.reasons import reason_of
    from bench.report.rows.summary import headline_of

    groups = _Groups(by, data_dir)
    wanted, problems = [], []
    for line in pick_lines(records):
        name = protocol or headline_of(line.task, cards.datasets).protocol
        card = cards.protocols.get(name)
        if card is None or not line.done:
            continue
        try:
            of_task = groups.of(line)
        except BenchError as error:
            problems.append(f"{line.task}: {error}" + (f" ({error.hint})" if error.hint else ""))
            continue
        why = reason_of(line, name, line.done)
        problems += [f"{line.key.method} on {line.task}: {why}"] if why else []
        for record in line.done:
            if store.prediction_folder(record.key).is_dir() and record.kept != "none":
                wanted.append(Wanted(record, card, by, of_task))
            else:
                problems.append(
                    f"{record.method} on {record.task}: no predictions were kept; run it again: "
                    f"bench run --method {record.method} --task {record.task} "
                    f"--budget {record.budget} --keep maps --force"
                )
    return wanted, problems


class _Groups:
    """Groups of test subjects by a column, each dataset's table read once.

    Args:
        by: a stratum that maps give needs no groups; else a column.
        data_dir: folder that holds a folder per dataset.
    """

    def __init__(self, by: str, data_dir: Path | None) -> None:
        self._by, self._data_dir = by, data_dir
        self._found: dict[tuple[str, tuple[str, ...]], dict[str, list[str]]] = {}

    def of(self, line: Line) -> dict[str, list[str]] | None:
        """Ids of the line's test subjects by group; None where maps give the strata.

        Raises:
            UsageError, DataError, CardError: as `known_subjects` and `groups_of`.
        """
        from bench.data.cache.folder import cache_dir
        from bench.execution.stratifying import BUILT_IN, groups_of, known_subjects

        if self._by in BUILT_IN:
            return None
        record = line.first
        key = (record.dataset, tuple(record.subjects.test))
        if key not in self._found:
            card = registry.dataset(record.dataset)
            known = known_subjects(card, self._data_dir, cache_dir())
            for finding in known.findings:
                typer.echo(f"{finding.severity}: {finding.where}: {finding.problem}", err=True)
            self._found[key] = groups_of(known, self._by, record.subjects.test)
        return self._found[key]
