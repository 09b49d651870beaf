"""``bench show``: draw one cell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import registry
from bench.cli import options as o


def show(
    cell: Annotated[str, typer.Option("--cell", help="Cell key, or its first letters.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A PNG file.")],
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", "-p", help="Whose numbers choose; default: the headline."),
    ] = None,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Draw a cell's best, median and worst subject: input, map and truth, at one scale.

    Example: bench show --cell 3f9c --out cell.png
    """
    chosen = registry.protocol(protocol) if protocol else None
    from bench.errors import StoreError
    from bench.report.figures import save_gallery
    from bench.report.gallery import shown_subjects
    from bench.report.summary import headline_of
    from bench.report.wording import metric_title
    from bench.store import Store

    store = Store(results)
    record = store.find_cell(cell)
    head = headline_of(record.task, registry.load_datasets())
    card = chosen or registry.protocol(head.protocol)
    metric = head.metric if head.metric in card.metrics else card.metrics[0]
    folder = store.prediction_folder(record.key)
    shown = shown_subjects(record, folder, card.id, metric)
    if not shown:
        why = record.reason or (
            "its maps were not kept"
            if record.kept != "maps" or not folder.is_dir()
            else f"no subject has a {metric_title(metric)} of its own under {card.id}"
        )
        raise StoreError(
            f"nothing to draw of cell {record.key[:12]} ({record.method} on {record.task}): {why}",
            hint="bench run --keep maps --force, or another --protocol",
        )
    title = f"{record.method} on {record.task}, seed {record.seed} ({card.id})"
    typer.echo(f"written: {save_gallery(shown, title, metric_title(metric), out)}", err=True)
