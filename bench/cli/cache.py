"""``bench cache``: what can be made again, how large it is, and its removal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from bench.cli import options as o
from bench.data.cache.kinds import CacheKind

app = typer.Typer(
    help="The cache of prepared data: info, clear.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def info(as_json: o.AsJson = False) -> None:
    """Show where the cache is, what it holds, and its bound (BENCH_CACHE_GB).

    Example: bench cache info
    """
    from bench.data.cache import eviction
    from bench.data.cache.folder import cache_dir

    folder = cache_dir()
    found = list(eviction.entries(folder))
    kinds: list[dict[str, Any]] = []
    for kind in CacheKind:
        inside = [one for one in found if one.path.parent.name == kind]
        where = kind.folder(folder)
        kinds.append(
            {
                "kind": kind.value,
                "what": kind.what,
                "entries": len(inside) if kind.evictable else len(list(where.glob("*"))),
                "bytes": (
                    sum(one.size for one in inside)
                    if kind.evictable
                    else eviction.folder_bytes(where)
                ),
                "evictable": kind.evictable,
                "least_recent_use": min((one.used for one in inside), default=None),
            }
        )
    bound = eviction.bound_bytes()
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "bound_bytes": bound, "kinds": kinds}))
        return
    typer.echo(f"{folder}")
    for row in kinds:
        used = row["least_recent_use"]
        since = f", used since {datetime.fromtimestamp(used, UTC):%Y-%m-%d %H:%M}" if used else ""
        taken = f"{row['bytes'] / 1e9:8.3f} GB"
        typer.echo(f"  {row['kind']:<12}  {taken}  {row['entries']:>6} {row['what']}{since}")
    total = sum(one.size for one in found)
    typer.echo(
        f"evictable: {total / 1e9:.3f} of {bound / 1e9:g} GB (BENCH_CACHE_GB); "
        "the least recently used go first"
    )


@app.command()
def clear(
    kind: Annotated[
        list[CacheKind], typer.Option("--kind", help="Only this kind; repeatable. Default: all.")
    ] = [],  # noqa: B006 - Typer copies it
) -> None:
    """Remove what the cache holds; running cells keep what they have open.

    Example: bench cache clear
    """
    from bench.data.cache import eviction
    from bench.data.cache.folder import cache_dir

    freed = eviction.clear(cache_dir(), kind or CacheKind)
    typer.echo(f"freed {freed / 1e9:.3f} GB")
