"""Prepares the subjects of all cells before any cell starts, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from bench.data.files import SubjectFiles
from bench.data.progress import Progress
from bench.execution.entry import begin, warm
from bench.executors.local import worker_context
from bench.planning.plan import Cell, Fit


def warm_cache(
    cells: Sequence[Cell], cache: Path, processes: int, progress: Progress
) -> list[tuple[SubjectFiles, BaseException]]:
    """Prepare the subjects of all cells in parallel, each once.

    Args:
        cells: the cells about to run.
        cache: folder of the cache.
        processes: how many at once.
        progress: called with (done, total, note).

    Returns:
        The subjects that cannot be prepared, and why. A cell that needs one meets the
        fault again and records it.
    """
    wanted: dict[str, tuple[Fit, SubjectFiles, bool, bool]] = {}
    seen: set[tuple[object, ...]] = set()
    for cell in cells:
        fit = cell.fit
        sides = ((fit.train, False), (fit.validation, False), (cell.test, True))
        for selection, with_label in sides:
            # Thousands of cells share these very objects.
            same = (id(selection), fit.channels, id(fit.preparation), fit.budget.image_size,
                    with_label)  # fmt: skip
            if same in seen:
                continue
            seen.add(same)
            for subject in selection.present:
                label = with_label or selection.lesion_free
                name = repr(
                    (subject, fit.channels, fit.preparation, fit.budget.image_size, label,
                     selection.lesion_free)
                )  # fmt: skip
                wanted[name] = (fit, subject, label, selection.lesion_free)
    pool = ProcessPoolExecutor(
        processes, mp_context=worker_context(), initializer=begin, initargs=("cpu", None)
    )
    faults: list[tuple[SubjectFiles, BaseException]] = []
    try:
        jobs: dict[Future[None], SubjectFiles] = {}
        for one in wanted.values():
            try:
                jobs[pool.submit(warm, *one, cache)] = one[1]
            except BrokenExecutor as broken:  # a process was killed already, out of memory perhaps
                faults.append((one[1], broken))
        progress(0, len(jobs), "preparing subjects")
        for done, job in enumerate(as_completed(jobs), 1):
            fault = job.exception()
            if fault is not None:
                faults.append((jobs[job], fault))
            progress(done, len(jobs), "preparing subjects")
    finally:
        # After Ctrl-C nobody waits for the volumes that are still in the queue.
        pool.shutdown(wait=False, cancel_futures=True)
    return sorted(faults, key=lambda one: one[0].subject)
