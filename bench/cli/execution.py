"""What `bench run` and `bench suite` share: how a session is started, shown and ended."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

from bench.cli import debugging
from bench.cli.options import Device, KeepOption, LogOption, OnlyOption
from bench.display import display_for
from bench.errors import counted, counted_of
from bench.planning.request import Request

if TYPE_CHECKING:
    from bench.executors.session import Agenda, Ended, RunOptions, Session
    from bench.planning.sources import Sources
    from bench.store.records import Record


def run_options(
    results: Path,
    data_dir: Path | None,
    device: Device,
    jobs: int | None,
    keep: KeepOption,
    force: bool,
    executor: str = "local",
    *,
    only: Sequence[OnlyOption] = (),
    retry: int = 0,
    time_limit: float | None = None,
    memory_limit: float | None = None,
    profile: Path | None = None,
    detach: bool = False,
    ray_address: str | None = None,
    log: LogOption | None = None,
) -> RunOptions:
    """The options of a run as they were given on the command line."""
    from bench.executors.session import RunOptions

    return RunOptions(
        results=results,
        command=shlex.join(["bench", *sys.argv[1:]]),
        data_dir=data_dir,
        device=device.value,
        keep=keep.value,
        jobs=jobs,
        executor=executor,
        force=force,
        only=tuple(one.value for one in only),
        retry=retry,
        time_limit_minutes=time_limit,
        memory_limit_gb=memory_limit,
        profile=profile,
        detach=detach,
        address=ray_address,
        log=log.value if log else None,
    )


def execute(
    requests: Sequence[Request],
    options: RunOptions,
    *,
    with_tables: bool = True,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """Run what is missing of some requests and print their table.

    Args:
        requests: of a command or a suite.
        options: of the run.
        with_tables: print the tables of the cells asked for.
        quiet: show no progress and say nothing but what is wrong.
        verbose: also tell when cells start and change what they do.

    Returns:
        The exit code: 0; 1 where a cell failed; 130 after an interrupt.
    """
    from bench.executors.session import Session

    session = Session(options)
    session.open()
    with display_for(quiet=quiet, verbose=verbose) as progress:
        agenda = session.plan(requests, progress.files)
    _warn(agenda.sources)
    _tell_done(session, agenda, quiet=quiet)
    if options.only and not agenda.cells:
        typer.echo(f"no cell that was asked for is {' or '.join(options.only)}", err=True)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with display_for(agenda.wanted, quiet=quiet, verbose=verbose) as progress:
            ended = session.run(agenda, progress.cell, progress.files, by_subject=False)
    except KeyboardInterrupt:
        typer.echo(
            "interrupted; the same command goes on: done cells stay, fits go on from checkpoints",
            err=True,
        )
        if options.executor != "local":
            typer.echo("jobs in a queue go on: bench status, bench cancel", err=True)
        return 130
    return _print_end(session, ended, with_tables, quiet=quiet)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _warn(sources: Sequence[Sources]) -> None:
    """Say what is odd about the files, in the words of `bench data check`."""
    found = (one for source in sources for one in source.findings)
    lines = {f"warning: {one.where}: {one.problem}" for one in found if one.severity == "warning"}
    for line in sorted(lines):
        typer.echo(line, err=True)


def _tell_done(session: Session, agenda: Agenda, *, quiet: bool) -> None:
    """Say what is not run again, and where that keeps less than was asked for."""
    if not agenda.done:
        return
    if not quiet:
        typer.echo(
            f"{counted_of(len(agenda.done), len(agenda.cells), 'cell', 'are')} done already",
            err=True,
        )
    order = ["none", "scores", "maps"]
    keep = session.options.keep
    poorer = [one for one in agenda.heads if order.index(one.kept) < order.index(keep)]
    if poorer:
        typer.echo(
            f"warning: {len(poorer)} of them kept less than --keep {keep}; --force runs them again",
            err=True,
        )


# More keys would push the table out of sight.
_MOST_KEYS = 20


def _print_keys(records: Sequence[Record]) -> None:
    """Print what `bench show`, `predict` and `verify` call the cells."""
    from bench.cli.cells import SHOWN

    for record in records[:_MOST_KEYS]:
        name = f"{record.method} on {record.task}, seed {record.seed}"
        typer.echo(f"cell {record.key[:SHOWN]}: {name}, {record.status}", err=True)
    if len(records) > _MOST_KEYS:
        typer.echo(f"{counted(len(records) - _MOST_KEYS, 'more cell')}: bench list cells", err=True)


def _print_end(session: Session, ended: Ended, with_tables: bool, *, quiet: bool) -> int:
    """Print the table of the cells asked for, say what failed and where things are."""
    from bench.cli.tables import print_tables
    from bench.execution.cell_log import last_traceback

    if with_tables:
        print_tables(list(ended.records))
    for files, fault in ended.unprepared:
        typer.echo(f"subject {files.subject} of {files.dataset}: {fault}", err=True)
    failed = [record for record in ended.records if record.status == "failed"]
    reasons: dict[str, list[Record]] = {}
    for record in failed:
        reasons.setdefault(record.reason or "", []).append(record)
    for reason, same in reasons.items():
        if len(same) > 1:
            typer.echo(f"failed: {counted(len(same), 'cell')} for one reason: {reason}", err=True)
        for record in same:
            name = f"{record.method} on {record.task}, seed {record.seed}"
            said = f"failed: {name}: {reason}" if len(same) == 1 else f"  {name}"
            log = session.store.log_path(record.key)
            typer.echo(f"{said}\n  log: {log}", err=True)
            trace = last_traceback(log) if debugging.wanted() else ""
            if trace:
                typer.echo(trace, err=True)
    results = session.options.results
    flag = "" if results == Path("results/runs") else f" --results {results}"
    if not quiet:
        _print_keys(ended.records)
        typer.echo(f"records: {results}", err=True)
        if not ended.queued:
            typer.echo(f"next: bench report{flag}", err=True)
    if ended.log_fault:
        typer.echo(f"warning: the log of losses stopped: {ended.log_fault}", err=True)
    for cell, reason in ended.unrecorded:
        typer.echo(f"failed without a record: {cell.label}: {reason}", err=True)
    if ended.queued:
        typer.echo(
            f"{counted(len(ended.queued), 'cell', 'are')} in the queue\nnext: bench status{flag}",
            err=True,
        )
    return 1 if failed or ended.unrecorded else 0
