"""Where a worker begins. The run names these functions to it and imports nothing of what it needs.

`bench.execution.worker` takes torch and all that is heavy with it: five seconds of processor time,
which the run would spend for a name. The server of the workers has imported it already.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from bench.data.files import SubjectFiles
from bench.execution.context import RunContext
from bench.planning.plan import Cell, Fit

SERVED = "bench.execution.served"
"""The module that the server imports."""


def work(cell: Cell, context: RunContext, channel: Connection, gpu: str | None) -> None:
    """See `bench.execution.worker.work`."""
    from bench.execution import worker

    worker.work(cell, context, channel, gpu)


def begin(device: str, gpu: str | None) -> None:
    """See `bench.execution.worker.begin`."""
    from bench.execution import worker

    worker.begin(device, gpu)


def warm(fit: Fit, subject: SubjectFiles, with_label: bool, lesion_free: bool, cache: Path) -> None:
    """See `bench.execution.worker.warm`."""
    from bench.execution import worker

    worker.warm(fit, subject, with_label, lesion_free, cache)
