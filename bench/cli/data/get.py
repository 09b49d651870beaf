"""``bench data get``: fetch a dataset, or say how to get it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.display import display_for
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.cards import DatasetCard


def get(
    name: DatasetName,
    data_dir: o.DataDir = None,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="From the public mirror that the card names.")
    ] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="I have read the licence and accept it.")
    ] = False,
) -> None:
    """Fetch a dataset, checked by hash; where that is not allowed, say what to do.

    The licence is shown first, and its acceptance is noted beside the files. A transfer that breaks
    goes on when the command is run again.

    Example: bench data get octmnist --data-dir ~/data --accept-licence
    """
    card = registry.dataset(name)
    if card.generator is not None:
        typer.echo(f"{name} is embedded: the first run makes it, or bench data prepare {name}")
        return
    from bench.data.fetch.dataset import fetch_dataset
    from bench.data.fetch.mirror import fetch_mirror

    if data_dir is not None and (card.mirror if mirror else card.downloads):
        _accept(card, data_dir, accept_licence)
    if mirror:
        root = fetch_mirror(card, data_dir)
    else:
        with display_for() as progress:
            root = fetch_dataset(card, data_dir, progress.files)
    typer.echo(root)
    typer.echo(f"next: bench data check {name}", err=True)


def _accept(card: DatasetCard, data_dir: Path, said: bool) -> None:
    """Show the licence, and take down that it was accepted."""
    from bench.data.fetch import licence

    if licence.is_accepted(card, data_dir):
        return
    typer.echo(licence.terms(card), err=True)
    if not said and sys.stdin.isatty():
        said = typer.confirm("Do you accept this licence?", err=True)
    if not said:
        raise UsageError(
            f"the licence of {card.name} was not accepted; nothing was fetched",
            hint="read it, then add --accept-licence",
        )
    typer.echo(f"noted in {licence.accept(card, data_dir)}", err=True)
