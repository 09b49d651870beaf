"""The process a cell runs in.

The fork server imports this module (by `bench.execution.served`), so that a worker does not pay
for the imports again. It must only import: no torch operation, no CUDA call and no thread may
happen before a worker is forked (``tests/executors/test_local_executor.py`` holds that).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Literal

import lightning_fabric  # noqa: F401 - imported for the workers to come
import scipy.ndimage  # noqa: F401
import skimage.segmentation
import skimage.transform  # noqa: F401
import sklearn.cluster  # noqa: F401

from bench.data.files import SubjectFiles
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.errors import in_words, printable
from bench.execution import seeding
from bench.execution.child_processes import supervise
from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.plan import Cell, Fit
from bench.store.records import Record
from bench.store.store import Store

Values = dict[str, float]
Message = (
    tuple[Literal["progress"], str, int, int]
    | tuple[Literal["values"], int, Values]
    | tuple[Literal["end"], str, str, Values]
)
PROGRESS_EVERY_S = 0.1
VALUES_EVERY_S = 0.01
MOST_PHASES = 32
MOST_VALUES = 16


def die_with_parent() -> None:
    """End this process as soon as the one that asked for it is gone, killed or not."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def work(cell: Cell, context: RunContext, channel: connection.Connection, gpu: str | None) -> None:
    """Run one cell and tell the parent how it goes.

    Args:
        cell: what to run.
        context: where and how.
        channel: takes `Message` tuples; the last one is ``("end", status, reason, values)`` with
            the value of the task's headline metric.
        gpu: the GPU to use, if there are several.
    """
    arguments = (cell, context, channel, gpu)
    if hasattr(os, "pidfd_open"):  # Linux
        supervise(_run, arguments, channel, Store(context.results).log_path(cell.key))
    else:
        _run(*arguments)


def _run(cell: Cell, context: RunContext, channel: connection.Connection, gpu: str | None) -> None:
    begin(context.device, gpu)
    last = last_values = 0.0
    phases: set[str] = set()

    def progress(done: int, total: int, phase: str) -> None:
        nonlocal last
        # A method gives these: nothing but plain numbers and short words leaves its process.
        name, now = printable(str(phase)[:200], 100), time.monotonic()
        # However short a phase is, its start is sent; a method that invents phases floods nobody.
        starts = name not in phases and len(phases) < MOST_PHASES
        if name == "fitted" or starts or now - last >= PROGRESS_EVERY_S:
            last = now
            phases.add(name)
            channel.send(("progress", name, int(done), int(total)))

    def log_values(values: Mapping[str, float], step: int) -> None:
        nonlocal last_values
        now = time.monotonic()
        if now - last_values >= VALUES_EVERY_S:
            last_values = now
            some = [*values.items()][:MOST_VALUES]
            sent = {printable(str(name), 40): float(value) for name, value in some}
            channel.send(("values", int(step), sent))

    try:
        record = run_cell(cell, context, progress, log_values)
        channel.send(("end", record.status, record.reason or "", headline_value(cell, record)))
    except Exception as error:  # not even the record could be written
        channel.send(("end", "unrecorded", in_words(error), {}))


def headline_value(cell: Cell, record: Record) -> Values:
    """The value of the task's headline metric, by the metric's name; empty where there is none."""
    head = cell.headline
    numbers = record.protocols.get(head.protocol) if head else None
    value = numbers.metrics.get(head.metric) if head and numbers else None
    return {head.metric: value} if head and value is not None else {}


def begin(device: str, gpu: str | None) -> None:
    """What every worker does first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    die_with_parent()
    seeding.prepare_environment(device, gpu)


def warm(fit: Fit, subject: SubjectFiles, with_label: bool, lesion_free: bool, cache: Path) -> None:
    """Prepare one subject, so that cells find it in the cache."""
    size = fit.budget.image_size
    request = PreparationRequest(fit.channels, fit.preparation, size, lesion_free, with_label)
    prepare_subject(subject, request, cache, check="description")  # the cell compares the rest
