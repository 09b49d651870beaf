"""``bench export``: cells of a store as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.errors import UsageError, counted


def export(
    out: Annotated[Path, typer.Argument(help="The archive to write, a .tar file.")],
    method: o.OnlyMethods = [],  # noqa: B006
    task: o.OnlyTasks = [],  # noqa: B006
    dataset: Annotated[
        list[str], typer.Option("--dataset", "-d", help="Only this dataset; repeatable.")
    ] = [],  # noqa: B006
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Write cells with their predictions, fits and logs into one archive with checksums.

    bench merge takes it into another store.

    Example: bench export mslub.tar --dataset mslub
    """
    from bench.store.store import Store
    from bench.upkeep.archive import export as write

    store = Store(results)
    store.must_exist()
    records, broken = store.read_all()
    for one in broken:
        typer.echo(f"left out: {one.path}: {one.problem}", err=True)
    chosen = [
        one
        for one in records
        if (not method or one.method in method)
        and (not task or one.task in task)
        and (not dataset or one.dataset in dataset)
    ]
    if not chosen:
        known = sorted({f"{one.method} on {one.task}" for one in records})
        raise UsageError(
            f"no cell of {results} is chosen; it has: {', '.join(known) or 'none'}",
            hint="leave out --method, --task and --dataset for all",
        )
    done = write(store, chosen, out)
    typer.echo(
        f"written: {counted(done.cells, 'cell')}, {counted(done.files, 'file')}, {done.size} "
        f"bytes in {out}\n"
        f"sha256 {done.sha256}",
        err=True,
    )
    raise typer.Exit(1 if broken else 0)
