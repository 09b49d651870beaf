"""``bench site``: a leaderboard of one or several stores, as a folder of static pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.errors import UsageError, counted

if TYPE_CHECKING:
    from bench.cards import PublishedRow
    from bench.planning.staleness import Current
    from bench.report import Cards
    from bench.report.site import Lab
    from bench.store.records import Record
    from bench.store.store import Store


def site(
    stores: Annotated[
        list[Path],
        typer.Argument(
            metavar="STORE...", help="Run stores: of one lab, or of several side by side."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder to write: new, empty or an older site.")
    ] = Path("site"),
    data_dir: o.DataDir = None,
) -> None:
    """Write a leaderboard: pages of tasks, methods, data sets and stores. Runs nothing.

    It needs no server: open DIR/index.html, or copy DIR to any static host. Records are copied
    into it as they are, with what they say of machines and commands.

    Examples: bench site results/runs; bench site lab-a/runs lab-b/runs --out site
    """
    from bench import registry
    from bench.api.places import all_cards
    from bench.cli.tables import read_current, require_records
    from bench.report.site import pages, store_names, write_site
    from bench.store.store import Store

    for path in stores:
        if path.is_file():
            raise UsageError(
                f"{path} is a file, not a run store",
                hint=f"an archive is taken into a store first: bench merge {path} --results DIR",
            )
        Store(path).must_exist()
    if len({path.resolve() for path in stores}) < len(stores):
        raise UsageError(f"a store is named twice: {', '.join(map(str, stores))}")
    cards, published, labs = all_cards(), registry.load_rows(), []
    for name, path in zip(store_names(stores), stores, strict=True):
        store = Store(path)
        current = _named_well(store, read_current(store, data_dir, by_subject=False))
        require_records(store, current)
        labs.append(_lab(name, store, current, cards, published))
    count = write_site(out, labs, pages(labs, cards))
    typer.echo(
        f"written: {counted(count, 'file')} in {out}; open {out / 'index.html'} in a browser",
        err=True,
    )


def _lab(
    name: str, store: Store, current: Current, cards: Cards, published: Sequence[PublishedRow]
) -> Lab:
    from bench.api.drawn import broken_of, multiverse_of, views_of
    from bench.report import published_lines, summarise
    from bench.report.html import make_content
    from bench.report.site import Lab

    rows = summarise(current.records, cards.datasets, cards.protocols, older=current.older)
    views = views_of(store, current, cards, None, rows)
    content = make_content(
        current.records,
        rows,
        cards,
        views=views,
        multiverse=multiverse_of(store, current, cards),
        broken=broken_of(store, current),
        stale=len(current.older),
    )
    return Lab(
        name=name,
        store=store,
        records=current.records,
        older=current.older,
        rows=rows,
        content=content,
        views=views,
        published=published_lines(published, rows, cards, "measured"),
    )


def _named_well(store: Store, current: Current) -> Current:
    """Without the records whose names are not names of files, or not those of their own file.

    A stranger's record must not lead out of its store.
    """
    from dataclasses import replace

    from bench.report.site.addresses import plain
    from bench.store.store import Broken
    from bench.upkeep.parts import has_names_of_a_store

    def is_well(record: Record) -> bool:
        return (
            has_names_of_a_store(record)
            and store.record_path(record.task, record.method, record.key).is_file()
        )

    odd = [one for one in (*current.records, *current.older) if not is_well(one)]
    for one in odd:
        typer.echo(
            f"warning: {one.method} on {one.task} is left out: its names are not those of its file",
            err=True,
        )
    broken = [
        Broken(
            store.root / f"{plain(one.key)}.json",
            f"{one.method} on {one.task}: its names are not those of its file",
        )
        for one in odd
    ]
    return replace(
        current,
        records=[one for one in current.records if is_well(one)],
        older=[one for one in current.older if is_well(one)],
        broken=[*current.broken, *broken],
    )
