"""Runs one cell: prepare, fit or load, predict, score, record."""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from bench.cards import MethodCard
from bench.data.prepare.subject import (
    PreparedSubject,
)
from bench.data.progress import LogValues, Progress
from bench.detector import (
    Detector,
    Images,
    Prediction,
    Reconstructs,
    Skip,
    ignore_values,
    parameter_count,
)
from bench.errors import (
    DataError,
    MethodError,
    MissingExtra,
    StoreError,
    an,
    counted,
    counted_of,
    in_words,
    text_of,
)
from bench.execution import seeding
from bench.execution.cell_log import log_traceback, logged
from bench.execution.context import RunContext
from bench.execution.fitting import fit_or_load
from bench.execution.inputs import (
    prepare_selection,
    repeat_channels,
    run_findings,
)
from bench.execution.isolation import undisturbed
from bench.execution.keeping import subject_prediction, taking_predictions
from bench.execution.learning import NOT_JUDGED
from bench.execution.pieces import Pieces
from bench.execution.record import make_record, unfinished
from bench.execution.returned import in_place_of_prediction
from bench.execution.scoring import score
from bench.planning.plan import Cell, find_record
from bench.registry.plugins import place_of, place_of_function
from bench.store.locks import hold
from bench.store.predictions import Role
from bench.store.records import Cost, ErrorClass, Record, TruthCounts
from bench.store.store import Store


def run_cell(
    cell: Cell, context: RunContext, progress: Progress, log_values: LogValues = ignore_values
) -> Record:
    """Run one cell and write its record, whatever happens inside it.

    Args:
        cell: what to run.
        context: where and how.
        progress: called with (done, total, phase).
        log_values: called with what the detector logs while it learns.

    Returns:
        The record as written; where another run has done the cell, the record of that run.

    Raises:
        StoreError: the record itself cannot be written.
    """
    store = Store(context.results)
    store.open_for_writing()
    with hold(store.lock_path("cell", cell.key)), logged(store.log_path(cell.key)) as logger:
        there = find_record(store, cell)
        if there is not None and there.status == "done" and context.fresh_after is None:
            return there
        device = seeding.resolve_device(context.device)
        try:
            record = _run(cell, context, store, device, (progress, log_values), logger)
        except Skip as reason:
            record = unfinished(cell, context, "skipped", text_of(reason), None, device=device)
        except MissingExtra as error:
            record = unfinished(cell, context, "skipped", in_words(error), None, device=device)
        except Exception as error:
            log_traceback(logger)
            record = failure(cell, context, error, device=device)
        store.write_record(record)
        return record


def failure(cell: Cell, context: RunContext, error: Exception, *, device: str) -> Record:
    """The record of a cell that an error ended."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        kind: ErrorClass = "out_of_memory"
    elif isinstance(error, DataError | StoreError):
        kind = "data"
    else:
        kind = "method"
    at = "" if kind == "data" else place_of(error, cell.fit.method)
    reason = in_words(error, at=at).strip()
    return unfinished(cell, context, "failed", reason, kind, device=device)


def _run(
    cell: Cell,
    context: RunContext,
    store: Store,
    device: str,
    told: tuple[Progress, LogValues],
    log: logging.Logger,
) -> Record:
    fit, (progress, _) = cell.fit, told
    seeding.seed_everything(fit.seed, threads=fit.budget.threads, device=device)
    given = len(fit.channels) * fit.preparation.channels_per_modality
    channels = accepted_channels(fit.method.channels, given, fit.method.name)
    adapted = [f"grey repeated to {counted(channels, 'channel')}"] if channels != given else []
    test = prepare_selection(cell.test, cell, context.cache, progress, with_label=True)
    adapted += background_notes(test)
    fitted = fit_or_load(cell, context, store, device, channels, told, log)
    adapted += fitted.adapted
    progress(1, 1, "fitted")

    seconds, images, signed, pieces = 0.0, 0, False, Pieces(log=log)

    def judged(batch: Images) -> Prediction:
        with undisturbed():
            prediction = fitted.detector.predict(batch)
        check_judged(prediction, batch, fit.method, fitted.detector)
        return prediction

    with taking_predictions(store, cell, context.keep) as taken:
        validation = prepare_selection(
            fit.validation, cell, context.cache, progress, with_label=False
        )
        if not validation and isinstance(fitted.detector, Reconstructs):
            adapted.append(NOT_JUDGED)
        cases: list[tuple[Role, PreparedSubject]] = [("test", one) for one in test]
        cases += [("validation", one) for one in validation]
        for done, (role, subject) in enumerate(cases):
            progress(done, len(cases), "predict")
            batch = Images(
                repeat_channels(subject.images, channels),
                np.asarray(subject.masks),
                device,
                None if subject.geometry is None else subject.geometry.positions,
            )
            start = time.perf_counter()
            prediction = pieces.predict(judged, batch)
            seconds += time.perf_counter() - start
            images += len(batch)
            signed |= prediction.signed
            taken.add(subject_prediction(subject, role, prediction))
        subjects: dict[Role, list[str]] = {
            "test": [one.subject for one in test],
            "validation": [one.subject for one in validation],
        }
        numbers = score(cell.protocols, taken.all_of(subjects), progress)
    cost = Cost(
        fit_seconds=fitted.seconds,
        fit_cpu_seconds=fitted.cpu_seconds,
        fit_shared=fitted.shared,
        predict_ms_per_image=1000 * seconds / max(images, 1),
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MB,
        peak_gpu_mb=torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else None,
        parameters=parameter_count(fitted.detector),
    )
    truth = {one.subject: TruthCounts(**asdict(one.truth)) for one in test if one.truth}
    return make_record(
        cell,
        context,
        device=device,
        status="done",
        protocols=numbers,
        cost=cost,
        learning=fitted.learning,
        adapted=adapted + pieces.note,
        truth=truth,
        trained_on=fitted.trained_on,
        signed_maps=signed,
        findings=run_findings(cell, context.cache),
    )


_MAXRSS_PER_MB = 2**20 if sys.platform == "darwin" else 2**10


def background_notes(test: Sequence[PreparedSubject]) -> list[str]:
    """What to say of volumes and images whose background is not 0; nothing where it is."""
    cut = [one.foreground for one in test if one.foreground and any(one.foreground.backgrounds)]
    if not cut:
        return []
    values = [value for one in cut for value in one.backgrounds]
    shares = [100 * one.share for one in cut]
    return [
        f"background {_span(values)} and not 0 in "
        f"{counted_of(len(cut), len(test), 'test subject')}, foreground {_span(shares)} % of the "
        f"{cut[0].of}"
    ]


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return low if low == high else f"{low} to {high}"


def accepted_channels(accepted: list[int], given: int, method: str) -> int:
    """How many channels the method gets: as given, or grey repeated, never fewer.

    Raises:
        Skip: the method takes neither.
    """
    if not accepted or given in accepted:
        return given
    if given == 1 and 3 in accepted:
        return 3
    raise Skip(
        f"{method} takes images of {' or '.join(map(str, accepted))} channels, the task has {given}"
    )


def check_judged(prediction: object, images: Images, card: MethodCard, detector: Detector) -> None:
    """Hold a prediction against the contract; say where a user's own method makes it.

    Raises:
        MethodError: as `check_prediction`.
    """
    try:
        check_prediction(prediction, images, card.name)
    except MethodError as error:
        at = place_of_function(detector.predict, card)
        raise MethodError(f"{error} ({at})" if at else str(error)) from error


def check_prediction(prediction: object, images: Images, method: str) -> None:
    """Hold a prediction against the contract.

    Raises:
        MethodError: another object than a `Prediction`, a wrong shape or type, a value that is
            not finite, or a sign without maps.
    """
    if not isinstance(prediction, Prediction):
        raise MethodError(f"{method}: {in_place_of_prediction(prediction)}")
    count, _, height, width = images.images.shape
    parts: dict[str, tuple[object, tuple[int, ...]]] = {"scores": (prediction.scores, (count,))}
    if not isinstance(prediction.signed, bool):
        raise MethodError(f"{method} returned signed={prediction.signed!r}, expected True or False")
    if prediction.signed and prediction.maps is None:
        raise MethodError(f"{method} returned signed=True without maps, so nothing has a sign")
    if prediction.maps is not None:
        parts["maps"] = (prediction.maps, (count, height, width))
    for name, (array, shape) in parts.items():
        if not isinstance(array, np.ndarray):
            raise MethodError(
                f"{method} returned {name} as {an(type(array).__name__)}, expected a NumPy array, "
                f"{shape} float32"
            )
        if array.shape != shape or array.dtype != np.float32:
            raise MethodError(
                f"{method} returned {name} of {array.shape} {array.dtype}, expected {shape} float32"
            )
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise MethodError(f"{method} returned {bad} {name} that are NaN or infinite")
