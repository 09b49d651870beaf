"""Pictures of one cell: its best, median and worst subject."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import registry
from bench.api.places import Folder, Names, as_list, cell_of, data_folder, open_store
from bench.errors import BenchError, StoreError, an, in_words

if TYPE_CHECKING:
    from bench.execution.fitted import Fitted
    from bench.report.figures.gallery import Floats, Shown
    from bench.store.records import Record
    from bench.store.store import Store


def show(
    cell: Record | str,
    out: Path | str,
    *,
    subject: Names = (),
    protocol: str | None = None,
    device: str = "auto",
    data_dir: Folder = None,
    results: Folder = None,
) -> Path:
    """Draw a cell's best, median and worst subject, as ``bench show``.

    Where each subject has images of one class only, and so no AUROC of its own, the protocol of
    images ranks them: an abnormal one by the share of normal test images with a lower score, a
    normal one by the share of abnormal images with a higher score.

    Where the method can show steps between input and map and its fit is still there, these are
    drawn too; a warning tells where they cannot be.

    Args:
        cell: of `run` or `load_records`, or a cell's name.
        out: a PNG, JPEG or PDF file.
        subject: test subjects instead of best to worst.
        protocol: whose numbers choose the subjects; None takes the task's headline protocol, or
            where that gives single subjects no value, another of the record.
        device: ``auto``, ``cpu`` or ``cuda``.
        data_dir: where data are; needed only where images have several channels.
        results: the run store.

    Returns:
        The file.

    Raises:
        StoreError: no such cell, or its maps were not kept.
        UnknownName: no such task, method, subject or protocol.
        UsageError: the file cannot be written, or has another suffix.
    """
    store = open_store(results, must_exist=True)
    odd: list[str] = []
    written = draw_cell(
        store,
        cell_of(store, cell),
        Path(out),
        subjects=as_list(subject),
        protocol=protocol,
        device=device,
        data_dir=data_folder(data_dir),
        warn=odd.append,
    )
    for text in odd:
        warnings.warn(text, stacklevel=2)
    return written


def draw_cell(
    store: Store,
    record: Record,
    out: Path,
    *,
    subjects: Sequence[str],
    protocol: str | None,
    device: str,
    data_dir: Path | None,
    warn: Callable[[str], None],
) -> Path:
    """Draw a cell; `show` tells what the arguments mean. ``warn`` hears what is odd."""
    from bench.metrics.table import title_of
    from bench.planning.staleness import part_stale
    from bench.report.figures.gallery import ranking, shown_by_rank, shown_subjects
    from bench.report.figures.paper import save_gallery
    from bench.report.figures.ranked import RANKED_RIGHT
    from bench.report.rows.summary import headline_of

    chosen = registry.protocol(protocol) if protocol else None
    if part_stale(store, [record], [], data_dir).older:
        warn(f"cell {record.key[:12]} is stale: files, cards or versions have changed since it ran")
    head = headline_of(record.task, registry.load_datasets())
    card = chosen or registry.protocol(head.protocol)
    metric = head.metric if head.metric in card.metrics else card.metrics[0]
    folder = store.prediction_folder(record.key)
    ranked_by = ranking(record, card.id, metric)
    if chosen is None and ranked_by is not None and not subjects:
        card, metric = registry.protocol(ranked_by[0]), ranked_by[1]
    shown = shown_subjects(record, folder, card.id, metric, subjects)
    named = title_of(metric)
    if not shown and not subjects and record.kept == "maps" and folder.is_dir():
        shown, named = shown_by_rank(folder, card), RANKED_RIGHT
    if not shown:
        lacking = f"no subject has {an(title_of(metric))} of its own under {card.id}"
        why, way_out = _why_nothing(record, folder, ranked_by, lacking)
        raise StoreError(
            f"nothing to draw of cell {record.key[:12]} ({record.method} on {record.task}): {why}",
            hint=way_out,
        )
    drawn = _with_steps(shown, store, record, device, data_dir, warn)
    title = f"{record.method} on {record.task}, seed {record.seed} ({card.id})"
    return save_gallery(drawn, title, named, out)


def _why_nothing(
    record: Record, folder: Path, ranked_by: tuple[str, str] | None, lacking: str
) -> tuple[str, str]:
    """Why there is nothing to draw, and what to do."""
    from bench.store.predictions import read_predictions

    if record.kept != "maps" or not folder.is_dir():
        return record.reason or "its maps were not kept", "bench run --keep maps --force"
    if all(one.scores_only for one in read_predictions(folder, "test")):
        return record.reason or "the method gives scores and no maps", "bench list methods"
    if ranked_by is not None:
        hint = f"--protocol {ranked_by[0]}, or name a subject with --subject"
    else:
        hint = f"name a subject, such as --subject {next(iter(record.subjects.test), 'ID')}"
    return record.reason or lacking, hint


def _with_steps(
    shown: Sequence[Shown],
    store: Store,
    record: Record,
    device: str,
    data_dir: Path | None,
    warn: Callable[[str], None],
) -> Sequence[Shown]:
    """The same with what the detector did on the way; as they are where it cannot be asked."""
    from bench.execution.fitted import load_fitted

    try:
        fitted = load_fitted(store, record, device)
        if not fitted.explains:
            return shown
        return [replace(one, steps=_steps(one, fitted, record, data_dir)) for one in shown]
    except BenchError as error:
        warn(f"only input, map and truth are drawn: {in_words(error)}")
        return shown


def _steps(one: Shown, fitted: Fitted, record: Record, data_dir: Path | None) -> dict[str, Floats]:
    """Pictures of one image: (H, W), or (H, W, 3) of three channels."""
    if one.input is not None and fitted.input_channels == 1:
        # What the store kept is in half precision; its picture is the same as the file's.
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
