"""``bench clean``: frees the space of a store."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.errors import UsageError, counted
from bench.upkeep.kinds import Cleaned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.upkeep.cleaning import Entry


def clean(
    kind: Annotated[
        list[Cleaned],
        typer.Option("--kind", help="What to free; repeatable. Default: only say how large it is."),
    ] = [],  # noqa: B006 - Typer copies it
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Free it without a question.")] = False,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
    as_json: o.AsJson = False,
) -> None:
    """Say how large the parts of a store are, and free those that are named.

    Records of today's files, cards and versions always stay; so does what a running process
    works with.

    Example: bench clean --kind predictions --kind stale
    """
    from bench.planning.staleness import read_current
    from bench.store.store import Store
    from bench.upkeep.cleaning import entries, free, size_of

    store = Store(results)
    store.must_exist()
    found = entries(store, read_current(store, by_subject=False, data_dir=data_dir).older)
    chosen = [one for one in found if one.kind in kind and not one.in_use]
    if not as_json or not kind:
        _print(found, as_json=as_json)
    if not kind:
        return
    size = sum(map(size_of, {path for one in chosen for path in one.paths}))
    if chosen and not yes:
        if not sys.stdin.isatty():
            asked = f"nothing is freed without a yes: {counted(size, 'byte')}"
            raise UsageError(asked, hint="add --yes")
        typer.confirm(f"Free {counted(size, 'byte')} ({', '.join(kind)})?", abort=True, err=True)
    freed = free(chosen)
    if as_json:
        typer.echo(json.dumps({"freed_bytes": freed}))
    else:
        typer.echo(f"freed {counted(freed, 'byte')}", err=True)


def _print(found: Sequence[Entry], *, as_json: bool) -> None:
    rows = [
        {
            "kind": kind.value,
            "what": kind.what,
            "entries": sum(one.kind is kind for one in found),
            "bytes": sum(one.size for one in found if one.kind is kind),
            "in_use": sum(one.kind is kind and one.in_use for one in found),
        }
        for kind in Cleaned
    ]
    if as_json:
        typer.echo(json.dumps({"kinds": rows}, indent=1))
        return
    for row in rows:
        used = f"; {row['in_use']} in use stay" if row["in_use"] else ""
        typer.echo(
            f"{row['kind']:<12} {row['bytes']:>14} bytes  {row['entries']:>6}  {row['what']}{used}"
        )
