"""The first minute: `make bench` from an empty cache, stage by stage, in processor seconds.

    python benchmarks/first_minute.py [SUITE] [--against REVISION]
    python benchmarks/first_minute.py --install    # `make install` in a fresh clone

On Linux. The suite (``smoke`` where none is named) is run twice, each time from an empty cache: as
the command that a user types, for its sum and for its fits, whose cost is in the records; then in
one process with these fits, for the other stages. ``the rest`` is what the command took beyond
them: processes, imports, errors on validation images, the display. ``--against`` does the same with
the code of a revision first, prints ratios, and says whether any number differs.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scoring import ROOT, code_of

Stages = dict[str, float]
# What a cell says that it does, and the stage; loading a fit belongs to no stage.
STAGE_OF = {"prepare": "preparation", "predict": "predictions", "score": "scoring"}
STAGES = ("phantom", "preparation", "fits", "predictions", "scoring", "report")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suite", nargs="?", default="smoke")
    parser.add_argument("--against", help="a revision of this repository")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(apart(options.child, options.suite)))
    elif options.install:
        install()
    else:
        with code_of(options.against) as trees, tempfile.TemporaryDirectory() as folder:
            places = {name: Path(folder) / str(at) for at, name in enumerate(trees)}
            show({name: measured(trees[name], places[name], options.suite) for name in trees})
            stores = [place / runs for place in places.values() for runs in ("runs", "apart")]
            same = len({numbers_of(store) for store in stores}) == 1
            print("the same keys and numbers" if same else "KEYS OR NUMBERS DIFFER")


def install() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "-q", str(ROOT), folder], check=True)
        wall, start = time.perf_counter(), busy()
        subprocess.run(["make", "install"], cwd=folder, check=True)
        wall, spent = time.perf_counter() - wall, busy() - start
        print(f"installation {spent:.1f} s processor, {wall:.1f} s wall")


def busy() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def adopt() -> None:
    """Be the parent of processes that lose theirs: a server of workers outlives its command."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def adopted() -> None:
    """Wait for all of them, so that their time is counted."""
    with suppress(ChildProcessError):
        while True:
            os.wait()


def measured(tree: Path, place: Path, suite: str) -> Stages:
    """The command and its stages, with the code of a tree."""

    def run(words: list[str], cache: str) -> str:
        place_of = {"PYTHONPATH": str(tree), "BENCH_CACHE": str(place / cache)}
        environment = os.environ | place_of | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, *words]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    place.mkdir()
    adopt()
    results = ["--device", "cpu", "--results", str(place / "runs")]
    wall, start = time.perf_counter(), busy()
    run(["-P", "-m", "bench", "suite", suite, *results], "cache")
    adopted()
    wall, spent = time.perf_counter() - wall, busy() - start
    said = run([__file__, suite, "--child", str(place)], "fresh")
    found: Stages = json.loads(said.splitlines()[-1])
    rest = spent - sum(found.values())
    return found | {"the rest": rest, "together": spent, "wall": wall}


def apart(place: Path, suite: str) -> Stages:
    """What each stage costs in this process, with the fits of the command."""
    import bench.execution.worker  # noqa: F401 - imports belong to no stage
    from bench.cli.tables import write_report
    from bench.execution.inputs import normal_images
    from bench.execution.run import run_cell
    from bench.executors.session import RunOptions, Session
    from bench.planning.suite import find_suite, read_suite

    session = Session(RunOptions(place / "apart", "benchmark", device="cpu"))
    session.open()
    found: Stages = dict.fromkeys(STAGES, 0.0)
    with charged(found, "phantom"):
        agenda = session.plan(read_suite(find_suite(suite))[1])
    shutil.copytree(place / "runs/_fits", place / "apart/_fits", dirs_exist_ok=True)
    fits = {}
    for cell in agenda.cells:
        with charged(found, "preparation"):
            if cell.fit.key not in fits:
                normal_images(cell, session.cache, 1, lambda *_: None)
        with charged(found) as progress:
            record = run_cell(cell, session._context(), progress)
        if record.cost is None:
            raise SystemExit(f"{cell.label}: {record.reason}")
        fits[cell.fit.key] = record.cost.fit_cpu_seconds or 0.0
    found["fits"] = sum(fits.values())
    with charged(found, "report"):
        write_report(place / "apart", None)
    return found


@contextmanager
def charged(found: Stages, stage: str | None = None) -> Iterator[Callable[[int, int, str], None]]:
    """Add the block's processor seconds to a stage; what it gives moves on to another one."""
    since = busy()

    def progress(done: int, total: int, phase: str) -> None:
        nonlocal since, stage
        now = busy()
        if stage is not None:
            found[stage] += now - since
        since, stage = now, STAGE_OF.get(phase)

    yield progress
    progress(0, 0, "")


def numbers_of(store: Path) -> str:
    """Keys and numbers of all cells of a store."""
    from bench.store.store import Store

    found = {}
    for record in Store(store).read_all()[0]:
        numbers = {name: one.model_dump(mode="json") for name, one in record.protocols.items()}
        found[f"{record.task} {record.key} {record.fit_key}"] = numbers
    return json.dumps(found, sort_keys=True)


def show(found: dict[str, Stages]) -> None:
    """A column per code, and the ratio of the first to the last."""
    first, last = next(iter(found.values())), list(found.values())[-1]
    print("| stage | " + " | ".join(found) + (" | ratio |" if len(found) > 1 else " |"))
    print("| --- |" + " ---: |" * (len(found) + (len(found) > 1)))
    for name in last:
        cells = [f"{one[name]:.1f} s" for one in found.values()]
        if len(found) > 1:
            cells.append(f"{first[name] / last[name]:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
