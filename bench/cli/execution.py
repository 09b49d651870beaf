"""What `bench run` and `bench suite` share: plan, run the missing cells, print the table."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from bench.cli.options import Device, KeepOption, default_jobs, usable_cores
from bench.cli.progress import CellProgress
from bench.planning.request import Request

if TYPE_CHECKING:
    from bench.planning.plan import Cell, Sources
    from bench.store.store import Store


@dataclass(frozen=True)
class Options:
    """Options of a run that change no number."""

    results: Path
    data_dir: Path | None
    device: Device
    jobs: int | None
    keep: KeepOption
    force: bool


def execute(requests: Sequence[Request], options: Options) -> int:
    """Run what is missing of some requests and print their table.

    Returns:
        The exit code: 0, or 1 where a cell failed.
    """
    from bench.data.cache.folder import cache_dir
    from bench.execution.outcome import Surroundings
    from bench.execution.seeding import resolve_device
    from bench.executors.local import LocalExecutor, warm_cache
    from bench.planning.plan import is_wanted, make_plan
    from bench.store.store import Store

    if options.device is not Device.auto:
        resolve_device(options.device.value)
    store = Store(options.results)
    store.open_for_writing()
    store.sweep()
    cache = cache_dir()
    started = time.time()
    with CellProgress(0) as progress:
        plans = [
            make_plan(one, data_dir=options.data_dir, cache=cache, progress=progress.files)
            for one in requests
        ]
    _warn_absent([source for plan in plans for source in plan.sources])
    cells: dict[tuple[str, str], Cell] = {
        (cell.task, cell.key): cell for plan in plans for cell in plan.cells
    }
    wanted = [cell for cell in cells.values() if is_wanted(store, cell, force=options.force)]
    missing = {(cell.task, cell.key) for cell in wanted}
    done = [cell for name, cell in cells.items() if name not in missing]
    _tell_done(store, done, len(cells), options)
    unrecorded: list[str] = []
    if wanted:
        place = Surroundings(
            results=options.results.resolve(),
            cache=cache,
            device=options.device.value,
            keep=options.keep.value,
            command=shlex.join(["bench", *sys.argv[1:]]),
            fresh_after=started if options.force else None,
        )
        threads = max(cell.fit.budget.threads for cell in wanted)
        jobs = options.jobs or default_jobs(threads)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            with CellProgress(len(wanted)) as progress:
                warm_cache(wanted, cache, usable_cores(), progress.files)
                LocalExecutor(place, jobs).run(wanted, progress.cell)
                unrecorded = progress.unrecorded
        except KeyboardInterrupt:
            typer.echo("interrupted; the same command goes on where it was", err=True)
            return 130
    return _print_outcome(store, list(cells.values()), unrecorded, options)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _warn_absent(sources: Sequence[Sources]) -> None:
    """Name absent test subjects; training splits often list more than anybody has."""
    said = set()
    for source in sources:
        absent, expected = source.test.absent, source.test.expected
        if absent:
            shown = ", ".join(absent[:6]) + (", …" if absent[6:] else "")
            said.add(
                f"warning: {source.task.dataset.name}: {len(absent)} of {expected} "
                f"test subjects are absent ({shown})"
            )
    for line in sorted(said):
        typer.echo(line, err=True)


def _tell_done(store: Store, done: Sequence[Cell], total: int, options: Options) -> None:
    """Say what is not run again, and where that keeps less than was asked for."""
    from bench.planning.plan import find_record

    if not done:
        return
    typer.echo(f"{len(done)} of {total} cells are done already", err=True)
    order = [KeepOption.none, KeepOption.scores, KeepOption.maps]
    records = [record for cell in done if (record := find_record(store, cell))]
    poorer = [
        one for one in records if order.index(KeepOption(one.kept)) < order.index(options.keep)
    ]
    if poorer:
        typer.echo(
            f"warning: {len(poorer)} of them kept less than --keep {options.keep.value}; "
            "--force runs them again",
            err=True,
        )


def _print_outcome(
    store: Store, asked: Sequence[Cell], unrecorded: Sequence[str], options: Options
) -> int:
    """Print the table of the cells asked for, say what failed and where things are."""
    from bench.cli.tables import print_tables
    from bench.planning.plan import find_record

    records = [record for cell in asked if (record := find_record(store, cell))]
    print_tables(records)
    failed = [record for record in records if record.status == "failed"]
    for record in failed:
        typer.echo(
            f"failed: {record.method} on {record.task}, seed {record.seed}: {record.reason}\n"
            f"  log: {store.log_path(record.key)}",
            err=True,
        )
    typer.echo(f"records: {options.results}", err=True)
    flag = "" if options.results == Path("results/runs") else f" --results {options.results}"
    typer.echo(f"next: bench report{flag}", err=True)
    for line in unrecorded:
        typer.echo(f"failed without a record: {line}", err=True)
    return 1 if failed or unrecorded or len(records) < len(asked) else 0
