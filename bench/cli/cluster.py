"""``bench cluster``, ``status``, ``cancel`` and ``collect``: cells in the queue of a cluster."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.errors import UsageError, counted

if TYPE_CHECKING:
    from bench.executors.cluster.overview import Overview, QueuedState

app = typer.Typer(help="Profiles of clusters.", no_args_is_help=True)

WATCH_EVERY_S = 5.0
MOST_LINES = 50


@app.callback()
def _group() -> None:
    """Profiles of clusters."""


@app.command("new")
def new_profile(
    profile: Annotated[Path, typer.Argument(help="The file to write, for example lab.toml.")],
) -> None:
    """Write a commented profile of a cluster: partition, GPUs, memory, time.

    A file that exists is never overwritten.

    Example: bench cluster new lab.toml
    """
    from bench.atomic import write_text
    from bench.executors.cluster.profile import EXAMPLE

    path = profile if profile.suffix == ".toml" else profile.with_name(f"{profile.name}.toml")
    if path.exists():
        raise UsageError(f"{path} already exists", hint="choose another name")
    write_text(path, EXAMPLE.format(name=path))
    typer.echo(path)
    typer.echo(f"next: bench run --executor slurm --profile {path} ...", err=True)


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Look again until all is over.")] = False,
    results: o.Results = o.DEFAULT_RESULTS,
    as_json: o.AsJson = False,
) -> None:
    """Show the state of the cells in a queue; exit 1 where one failed or is lost.

    Example: bench status --watch
    """
    from bench.executors.cluster.overview import OVER, look
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    while True:
        found = look(store)
        if watch and not as_json:
            typer.echo(time.strftime("--- %H:%M:%S"))
        _print_json(found) if as_json else _print(found)
        if not watch or all(one.state in OVER for one in found.cells):
            break
        time.sleep(WATCH_EVERY_S)
    raise typer.Exit(1 if _went_wrong(found) else 0)


def cancel(
    cells: Annotated[
        list[str], typer.Argument(help="Cell keys, or their first letters. Default: all.")
    ] = [],  # noqa: B006 - Typer copies it
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """End the jobs of cells that wait or run; a later run hands them in again.

    Example: bench cancel 3f9c
    """
    from bench.executors.cluster import overview
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    ended = overview.cancel(store, cells)
    for one in ended:
        typer.echo(f"cancelled: {one.cell.label} (job {one.job})")
    if not ended:
        typer.echo("nothing is waiting or running", err=True)


def collect(results: o.Results = o.DEFAULT_RESULTS) -> None:
    """Print how each cell of the queue ended, and clear away the jobs that are over.

    Records are where they always are; this removes only what the queue needed.

    Example: bench collect
    """
    from bench.executors.cluster import overview
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    found = overview.look(store)
    _print(found)  # before the logs go
    taken = overview.collect(store, found)
    if found.cells:
        typer.echo(f"{counted(taken, 'submission', 'are')} over and cleared away", err=True)
        typer.echo("next: bench report", err=True)
    raise typer.Exit(1 if _went_wrong(found) else 0)


def _went_wrong(found: Overview) -> bool:
    return any(one.state in ("failed", "unrecorded", "lost") for one in found.cells)


def _print(found: Overview) -> None:
    for path in found.damaged:
        typer.echo(f"warning: {path} cannot be read; its jobs are not shown", err=True)
    if found.no_answer:
        typer.echo(f"warning: the queue does not answer: {found.no_answer}", err=True)
    if not found.cells:
        typer.echo("nothing was handed to a queue from this store")
        return
    shown = [one for one in found.cells if one.state not in ("queued", "done", "skipped")]
    for one in shown[:MOST_LINES]:
        typer.echo(_line(one))
    if len(shown) > MOST_LINES:
        typer.echo(f"... and {len(shown) - MOST_LINES} more (--json shows all)")
    counts = found.counts()
    typer.echo(", ".join(f"{counts[state]} {state}" for state in sorted(counts)))


def _line(one: QueuedState) -> str:
    from bench.display.following import left_words, value_words

    text = f"{one.state}: {one.cell.label} (job {one.job})"
    if one.state == "running":
        text += f": {one.phase} {one.done}/{one.total}" if one.total else f": {one.phase}"
        text += f", {value_words(one.values)}" if one.values else ""
        text += left_words(one.seconds_left)
    if one.reason:
        text += f": {one.reason}"
    if one.state in ("failed", "lost", "unrecorded") and not one.cancelled:
        text += "".join(f"\n    {line}" for line in one.log_tail().splitlines())
    return text


def _print_json(found: Overview) -> None:
    content = {
        "counts": dict(found.counts()),
        "no_answer": found.no_answer,
        "damaged": list(found.damaged),
        "cells": [
            {**asdict(one), "cell": one.cell.model_dump(), "log": one.log and str(one.log)}
            for one in found.cells
        ],
    }
    typer.echo(json.dumps(content, indent=1))
