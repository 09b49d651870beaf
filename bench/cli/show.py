"""``bench show``: draw one cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import completion
from bench.cli import options as o


def show(
    cell: o.CellName,
    out: Annotated[Path, typer.Option("--out", "-o", help="A PNG, JPEG or PDF file.")],
    subject: Annotated[
        list[str],
        typer.Option("--subject", help="A test subject instead of best to worst; repeatable."),
    ] = [],  # noqa: B006 - Typer copies it
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            help="Whose numbers choose; default: the headline, if it ranks single subjects.",
            autocompletion=completion.protocols,
        ),
    ] = None,
    device: o.DeviceOption = o.Device.auto,
    data_dir: o.DataDir = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Draw a cell's best, median and worst subject: input, map and truth, at one scale.

    Where the method can show steps between input and map (such as a reconstruction) and its
    fit is still there, that is drawn too. Data are read only where images have several channels.
    Where a data set has classes only, subjects are ranked by how many images of the other class
    their image is told from.

    Example: bench show --cell 3f9c --out cell.png
    """
    from bench.api.places import cell_of
    from bench.api.showing import draw_cell
    from bench.store.store import Store

    store = Store(results)
    written = draw_cell(
        store,
        cell_of(store, cell),
        out,
        subjects=subject,
        protocol=protocol,
        device=device.value,
        data_dir=data_dir,
        warn=lambda text: typer.echo(f"warning: {text}", err=True),
    )
    typer.echo(f"written: {written}", err=True)
