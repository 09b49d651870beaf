"""What is the same for all cells of a run, wherever they run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.planning.request import Keep


@dataclass(frozen=True)
class RunContext:
    """Where the cells of a run read and write, and how they run.

    Attributes:
        results: folder of the run store.
        cache: folder of the cache.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        keep: what of the predictions to keep.
        command: how the run was started, for the record.
        fresh_after: a time (seconds since the epoch): fits from before it are trained again and
            done cells run again. None keeps both.
        time_limit_minutes: a cell that runs longer is stopped; the budget's timeout holds too.
        profile: the file that says what a cluster wants to be told; of executors with a queue.
        detach: hand cells to the queue and do not wait for them.
        address: of a cluster that runs already, for executors that connect to one.
        memory_limit_gb: a cell whose processes together hold more (10**9 bytes) is stopped.
    """

    results: Path
    cache: Path
    device: str
    keep: Keep
    command: str
    fresh_after: float | None = None
    time_limit_minutes: float | None = None
    memory_limit_gb: float | None = None
    profile: Path | None = None
    detach: bool = False
    address: str | None = None
