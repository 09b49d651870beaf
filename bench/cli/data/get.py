"""``bench data get``: fetch a dataset, or say how to get it."""

from __future__ import annotations

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.display import display_for


def get(name: DatasetName, data_dir: o.DataDir = None) -> None:
    """Fetch a dataset, checked by hash; where that is not allowed, say what to do.

    Example: bench data get ixi --data-dir ~/data
    """
    card = registry.dataset(name)
    if card.generator is not None:
        typer.echo(f"{name} is embedded: the first run makes it, or bench data prepare {name}")
        return
    from bench.data.fetch import fetch_dataset

    with display_for() as progress:
        root = fetch_dataset(card, data_dir, progress.files)
    typer.echo(root)
    typer.echo(f"next: bench data check {name}", err=True)
