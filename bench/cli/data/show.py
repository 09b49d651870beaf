"""``bench data show``: draw what preparation makes of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as o
from bench.cli.data.options import DatasetName
from bench.display import display_for


def show(
    name: DatasetName,
    data_dir: o.DataDir = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="PNG; default NAME.png.")] = None,
) -> None:
    """Draw slices of a few subjects with their lesions, and histograms, to a PNG.

    Example: bench data show phantom --out phantom.png
    """
    card = registry.dataset(name)
    from bench.data.cache.folder import cache_dir
    from bench.data.show import show_dataset

    with display_for() as progress:
        path = show_dataset(card, data_dir, cache_dir(), out or Path(f"{name}.png"), progress.files)
    typer.echo(path)
