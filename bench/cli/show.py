"""``bench show``: draw one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import registry
from bench.cli import completion
from bench.cli import options as o
from bench.errors import BenchError, StoreError, in_words

if TYPE_CHECKING:
    from bench.execution.fitted import Fitted
    from bench.report.figures.gallery import Floats, Shown
    from bench.store.records import Record
    from bench.store.store import Store


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
            help="Whose numbers choose; default: the headline.",
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

    Example: bench show --cell 3f9c --out cell.png
    """
    chosen = registry.protocol(protocol) if protocol else None
    from bench.metrics.table import title_of
    from bench.planning.staleness import part_stale
    from bench.report.figures.gallery import shown_subjects
    from bench.report.figures.paper import save_gallery
    from bench.report.rows.summary import headline_of
    from bench.store.naming import find_cell
    from bench.store.store import Store

    store = Store(results)
    record = find_cell(store, cell)
    if part_stale(store, [record], [], data_dir).older:
        typer.echo(
            f"warning: cell {record.key[:12]} is stale: files, cards or versions have changed "
            "since it ran",
            err=True,
        )
    head = headline_of(record.task, registry.load_datasets())
    card = chosen or registry.protocol(head.protocol)
    metric = head.metric if head.metric in card.metrics else card.metrics[0]
    folder = store.prediction_folder(record.key)
    shown = shown_subjects(record, folder, card.id, metric, subject)
    if not shown:
        why = record.reason or (
            "its maps were not kept"
            if record.kept != "maps" or not folder.is_dir()
            else f"no subject has a {title_of(metric)} of its own under {card.id}"
        )
        raise StoreError(
            f"nothing to draw of cell {record.key[:12]} ({record.method} on {record.task}): {why}",
            hint="bench run --keep maps --force, or another --protocol",
        )
    drawn = _with_steps(shown, store, record, device, data_dir)
    title = f"{record.method} on {record.task}, seed {record.seed} ({card.id})"
    typer.echo(f"written: {save_gallery(drawn, title, title_of(metric), out)}", err=True)


def _with_steps(
    shown: Sequence[Shown], store: Store, record: Record, device: o.Device, data_dir: Path | None
) -> Sequence[Shown]:
    """The same with what the detector did on the way; as they are where it cannot be asked."""
    from bench.execution.fitted import load_fitted

    try:
        fitted = load_fitted(store, record, device.value)
        if not fitted.explains:
            return shown
        return [replace(one, steps=_steps(one, fitted, record, data_dir)) for one in shown]
    except BenchError as error:
        typer.echo(f"only input, map and truth are drawn: {in_words(error)}", err=True)
        return shown


def _steps(one: Shown, fitted: Fitted, record: Record, data_dir: Path | None) -> dict[str, Floats]:
    """Pictures of one image: (H, W), or (H, W, 3) of three channels."""
    if one.input is not None and fitted.input_channels == 1:
        # What the store kept, in half precision, tells no other picture than the file.
        images, masks = one.input[None, None], one.inside[None]
    else:
        from bench.data.cache.folder import cache_dir

        prepared = fitted.test_subject(record, one.subject, data_dir, cache_dir())
        images, masks = prepared.images[one.at][None], prepared.masks[one.at][None]
    found = fitted.explain(images, masks)
    return {
        name: step[0].transpose(1, 2, 0) if step.shape[1] == 3 else step[0, 0]
        for name, step in found.items()
    }
