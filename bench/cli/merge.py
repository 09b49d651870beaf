"""``bench merge``: takes the cells of other stores."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.errors import StoreError, UsageError, counted


def merge(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Archives of export, or run stores.")
    ],
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Take the cells of archives or other stores; a second time does nothing.

    Where both have numbers and these differ, those of --results stay and the cell is named; exit 1
    then.

    Example: bench merge mslub.tar --results results/runs
    """
    from bench.store.store import Store
    from bench.upkeep.archive import unpacked
    from bench.upkeep.merging import merge as take

    target = Store(results)
    for path in sources:
        if not path.exists():
            raise StoreError(f"{path} does not exist")
        if path.resolve() == results.resolve():
            raise UsageError(f"{path} is the store itself", hint="name another with --results DIR")
    target.open_for_writing()
    faulty = False
    for path in sources:
        opened = nullcontext(Store(path)) if path.is_dir() else unpacked(path, target)
        with opened as source:
            done = take(source, target)
        typer.echo(
            f"{path}: {counted(done.taken, 'cell')} taken, {done.added} completed, {done.same} "
            f"here already, {len(done.conflicts)} in conflict",
            err=True,
        )
        for line in done.conflicts:
            typer.echo(f"conflict, ours stays: {line}", err=True)
        for line in done.problems:
            typer.echo(f"not taken: {line}", err=True)
        faulty |= bool(done.conflicts or done.problems)
    raise typer.Exit(1 if faulty else 0)
