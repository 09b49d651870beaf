"""What a report draws from kept predictions: curves and galleries, one cell per line of a table."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from bench.cards import ProtocolCard
from bench.errors import BenchError
from bench.report.rows.cards import Cards
from bench.report.rows.pick import LineKey, pick_lines
from bench.report.rows.summary import headline_of
from bench.store.predictions import read_predictions, require_whole
from bench.store.records import Record
from bench.store.store import Store

CountProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class GalleryPicture:
    """One subject in a gallery; `input`, `map` and `mask` are PNG files.

    The subject's own ``value`` of the metric is a fraction; the image shown is image ``at`` of
    ``of``, counted from 0.

    Attributes:
        input: None where the cell kept no preview of it.
        abnormal: what its class says; None where pixels are labelled.
    """

    standing: str
    subject: str
    value: float
    at: int
    of: int
    input: bytes | None
    map: bytes
    mask: bytes
    abnormal: bool | None = None


@dataclass(frozen=True)
class CellView:
    """What can be drawn of one cell.

    Attributes:
        roc: points (false-positive rate, true-positive rate); None where there is no curve.
        pr: points (recall, precision).
        pictures: best, median and worst subject.
        ranked_by: protocol and metric that chose the pictures; None where there are none, or where
            no subject has a value of its own and `shown_by_rank` chose them.
        scale: map values of the pictures' first and last colour.
        problem: why its predictions could not be read, or which are missing.
    """

    key: str
    roc: tuple[tuple[float, float], ...] | None = None
    pr: tuple[tuple[float, float], ...] | None = None
    pictures: tuple[GalleryPicture, ...] = ()
    ranked_by: tuple[str, str] | None = None
    scale: tuple[float, float] = (0.0, 1.0)
    problem: str = ""


Views = Mapping[LineKey, CellView]


@dataclass(frozen=True)
class Wanted:
    """One cell to draw, by one protocol and metric; curves need a look at every test image."""

    line: LineKey
    record: Record
    protocol: ProtocolCard
    metric: str
    curves: bool = True


def wanted_cells(
    records: Sequence[Record],
    cards: Cards,
    store: Store,
    protocol: str | None = None,
    *,
    curves_of: Container[LineKey] | None = None,
) -> list[Wanted]:
    """The first seed of every line that has kept predictions.

    Args:
        records: in any order.
        cards: where protocols and headline metrics come from.
        store: that holds the records.
        protocol: to draw by; None means each task's headline protocol.
        curves_of: lines to draw curves of; None means all.
    """
    wanted = []
    for line in pick_lines(records):
        head = headline_of(line.task, cards.datasets)
        card = cards.protocols.get(protocol or head.protocol)
        kept = [one for one in line.done if store.prediction_folder(one.key).is_dir()]
        if card is not None and kept:
            metric = head.metric if head.metric in card.metrics else card.metrics[0]
            curves = curves_of is None or line.key in curves_of
            wanted.append(Wanted(line.key, kept[0], card, metric, curves))
    return wanted


def draw_cells(
    wanted: Sequence[Wanted], store: Store, *, processes: int, progress: CountProgress | None = None
) -> Views:
    """Views by the line of the table they belong to, as `Line.key` names it.

    Args:
        wanted: of `wanted_cells`.
        store: that holds their predictions.
        processes: how many cells at once.
        progress: called with (done, total) after each cell.
    """
    jobs: Iterator[CellView]
    if len(wanted) < 4 or processes < 2:
        jobs = (draw_cell(store.root, one) for one in wanted)
        return _gathered(wanted, jobs, progress)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        jobs = pool.map(draw_cell, [store.root] * len(wanted), wanted, chunksize=2)
        return _gathered(wanted, jobs, progress)


def draw_cell(root: Path, wanted: Wanted) -> CellView:
    """What can be drawn of one cell; damaged or missing predictions are named, not fatal."""
    from bench.protocol.curves import protocol_curves
    from bench.protocol.held import held
    from bench.report.figures import pictures
    from bench.report.figures.gallery import (
        ranking,
        shared_scale,
        shown_by_rank,
        shown_subjects,
    )

    store, record = Store(root), wanted.record
    folder = store.prediction_folder(record.key)
    curves = None
    try:
        require_whole(folder, record)
        if wanted.curves:
            with held(read_predictions(folder, "test")) as subjects:
                curves = protocol_curves(wanted.protocol, subjects)
        whole = store.read_record(record.task, record.method, record.key) or record
        ranked_by = ranking(whole, wanted.protocol.id, wanted.metric)
        if ranked_by is not None:
            shown = shown_subjects(whole, folder, *ranked_by)
        else:
            shown = shown_by_rank(folder, wanted.protocol)
    except BenchError as error:
        return CellView(record.key, problem=str(error))
    scale = shared_scale(shown)
    return CellView(
        key=record.key,
        roc=None if curves is None else tuple((x, y) for x, y in curves.roc.tolist()),
        pr=None if curves is None else tuple((x, y) for x, y in curves.pr.tolist()),
        pictures=tuple(
            GalleryPicture(
                standing=one.standing,
                subject=one.subject,
                value=one.value,
                at=one.at,
                of=one.of,
                input=pictures.input_png(one),
                map=pictures.map_png(one, scale),
                mask=pictures.mask_png(one),
                abnormal=one.abnormal if one.lesion is None else None,
            )
            for one in shown
        ),
        ranked_by=ranked_by,
        scale=scale,
    )


def _gathered(
    wanted: Sequence[Wanted], jobs: Iterator[CellView], progress: CountProgress | None
) -> Views:
    views: dict[LineKey, CellView] = {}
    for done, (one, view) in enumerate(zip(wanted, jobs, strict=True), start=1):
        views[one.line] = view
        if progress is not None:
            progress(done, len(wanted))
    return views
