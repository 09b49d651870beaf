"""The embedded brain phantom: a small synthetic dataset that needs no download.

Starting this module is cheap; what makes the volumes is imported when a subject is made. How
it is done: `anatomy`, `ms`, `glioma` and `contrast` of this folder. What it is and is not:
``datasets/PHANTOM.md``.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from bench.data.cache.folder import cache_errors, discard_folder, publish_folder
from bench.data.phantom.brain.subjects import GENERATOR_VERSION, PhantomSubject, subject_of
from bench.data.progress import Progress
from bench.errors import RunError

__all__ = ["FILES", "GENERATOR_VERSION", "generate"]

FILES = ("T1.nii.gz", "T2.nii.gz", "lesion.nii.gz")
"""What lies in a subject's folder; the label of a normal subject is zero everywhere."""


def generate(
    folder: Path,
    subjects: Sequence[str],
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> None:
    """Make the files of those subjects that have none yet.

    A subject's folder appears whole or not at all, so several processes may generate into one
    folder and an interrupted call is simply repeated. A subject is the same whatever else is
    generated, in whatever order.

    Args:
        folder: where ``<subject>/T1.nii.gz``, ``T2.nii.gz`` and ``lesion.nii.gz`` go.
        subjects: ids, such as ``train-01`` or ``test-ms-08``.
        processes: how many to work in at once.
        progress: called as ``progress(done, total, subject)`` after each subject.

    Raises:
        DataError: an id that the phantom does not have; nothing is made then.
        StoreError: the folder cannot be written.
        RunError: a process was killed while it worked.
    """
    wanted = list(dict.fromkeys(subjects))
    todo = [one for one in map(subject_of, wanted) if not _complete(folder / one.name)]
    with cache_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for done, name in enumerate(_made(folder, todo, processes), start=1):
        if progress is not None:
            progress(done, len(todo), name)


def _complete(place: Path) -> bool:
    return all((place / name).is_file() for name in FILES)


def _made(folder: Path, todo: Sequence[PhantomSubject], processes: int) -> Iterator[str]:
    """Make subjects and name each one when it is there."""
    if processes <= 1 or len(todo) <= 1:
        for one in todo:
            yield _make(folder, one)
        return
    # Not fork: the caller may hold threads and locks of torch or BLAS.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(todo)), mp_context=context) as pool:
        tasks = [pool.submit(_make, folder, one) for one in todo]
        try:
            for task in as_completed(tasks):
                yield task.result()
        except BrokenProcessPool as error:
            raise RunError(
                f"a process that made phantom subjects in {folder} was killed",
                hint="if memory is short (each needs about 500 MB), run with --jobs 1",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _make(folder: Path, subject: PhantomSubject) -> str:
    from bench.data.phantom.brain.files import volumes

    contents = dict(zip(FILES, volumes(subject), strict=True))
    place = folder / subject.name
    if place.is_dir() and not _complete(place):
        discard_folder(place)
    with publish_folder(place) as partial:
        for name, content in contents.items():
            (partial / name).write_bytes(content)
    return subject.name
