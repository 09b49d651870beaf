"""What many cells cost: from the plan to the report, for each power of ten up to 100,000.

    python benchmarks/scale.py steps [--cells 100000]   # seconds and memory of each step
    python benchmarks/scale.py calls [--cells 1000]     # system calls of each step (needs strace)
    python benchmarks/scale.py run [--cells 300]        # cells that really run, on this machine

The cells are those of a method that does nothing, on the four tasks of the embedded phantom:
settings and seeds make as many as are wanted. `run` takes them through the local executor. For
`steps` and `calls` each task has one cell that really ran. The queue gets all cells, through the
executor `slurm`; sbatch and squeue are scripts that answer as Slurm does and start nothing. What
the jobs would do is done in their place, without the method: `work` takes the lock of a cell,
writes its log, its record (a copy of the task's real one) and what its job says of it. It does so
for a thousand cells; of the others, `fill` writes what the jobs leave behind. Every step is a
process of its own; `--step` runs some of them only.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.executors.cluster.queue import Job, Submission
    from bench.executors.session import Agenda, Session
    from bench.planning.plan import Cell
    from bench.store.records import Record
    from bench.store.store import Store

HERE = Path(__file__).resolve().parent
TASKS = ("phantom/ms-t1", "phantom/ms-t2", "phantom/glioma-t1", "phantom/glioma-t2")
SEEDS = 5
BOOKED = 100  # jobs whose cells are booked as a job does it
RUNNING = 100  # jobs at once: one for each GPU of a large cluster
PROFILE = "gpus = 1\ntime_minutes = 1440\ncells_per_job = 10\n"

SBATCH = """#!/bin/sh
number=$(($(cat "$0.number" 2>/dev/null || echo 0) + 1))
echo "$number" > "$0.number"
echo "Submitted batch job $number"
"""
SQUEUE = """#!/bin/sh
[ -f "$0.jobs" ] && cat "$0.jobs"
exit 0
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["steps", "calls", "run", *STEPS])
    parser.add_argument("--cells", type=int)
    parser.add_argument("--step", action="append", choices=list(STEPS), help="Default: all.")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # of a step
    arguments = parser.parse_args()
    step = STEPS.get(arguments.what)
    if callable(step):
        step(arguments.folder, arguments.cells)
        return
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        if arguments.what == "steps":
            steps(Path(name), arguments.cells or 100_000, arguments.step or list(STEPS))
        elif arguments.what == "calls":
            calls(Path(name), arguments.cells or 1000)
        else:
            really(Path(name), arguments.cells or 300)


# --- what is measured ---------------------------------------------------------------------------


def steps(folder: Path, most: int, names: Sequence[str]) -> None:
    """Print processor time and peak memory of each step, per power of ten."""
    print(
        f"{'cells':>7} {'step':<8} {'wall s':>8} {'processor s':>12} {'ms per cell':>12} {'MiB':>7}"
    )
    before: dict[str, tuple[int, float]] = {}
    count = 100
    while count <= most:
        place = make_place(folder / str(count))
        for name in names:
            if name == "collect":
                describe(place / "runs")
            wall, used, peak = timed(command_of(name, place, count))
            known, less = before.get(name, (0, 0.0))
            more = f"{1000 * (used - less) / (count - known):12.2f}" if known else " " * 12
            print(f"{count:7} {name:<8} {wall:8.1f} {used:12.1f} {more} {peak:7.0f}", flush=True)
            before[name] = count, used
        shutil.rmtree(place)
        count *= 10


def calls(folder: Path, count: int) -> None:
    """Print how often each step asks the file system, and for what."""
    if shutil.which("strace") is None:
        sys.exit("strace is not installed")
    place = make_place(folder)
    print(
        f"{count} cells\n{'step':<8} " + " ".join(f"{name:>9}" for name in KINDS) + " KiB written"
    )
    for name in STEPS:
        trace = folder / "trace"
        words = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(trace)]
        words += ["-e", "trace=%file,getdents64,fsync,flock,write", "-e", "signal=none", "-s", "0"]
        command = [*words, *command_of(name, place, count)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found, written = counted(trace, place / "runs")
        each = " ".join(f"{found[kind]:9}" for kind in KINDS)
        print(f"{name:<8} {each} {written / 1024:11.0f}", flush=True)
    describe(place / "runs")


def really(folder: Path, count: int) -> None:
    """Print what each cell costs that really runs, one after another."""
    place = make_place(folder)
    words = [sys.executable, "-m", "bench", "run", "--no-yardsticks", "--quiet", "--jobs", "2"]
    words += ["--method", f"{HERE / 'empty.py'}:Empty", "--budget", "smoke", "--device", "cpu"]
    words += [word for task in TASKS for word in ("--task", task)]
    words += ["--results", str(place / "runs"), "--seeds"]
    first = timed([*words, "1"])  # the data are prepared
    rest = timed([*words, str(1 + count // len(TASKS))])
    more = count // len(TASKS) * len(TASKS)
    print(f"each of {more} cells: {rest[0] / more:.2f} s wall, {rest[1] / more:.2f} s processor")
    print(f"{len(TASKS)} cells first, with their data: {first[0]:.1f} s wall")
    again = timed([*words, str(1 + count // len(TASKS))])
    print(f"the same command again, all done: {again[0]:.1f} s wall, {again[2]:.0f} MiB")
    describe(place / "runs")


def timed(command: Sequence[str]) -> tuple[float, float, float]:
    """Wall and processor seconds of a command and all its children, and its peak MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, own = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    wall = time.perf_counter() - start
    return wall, own.ru_utime + own.ru_stime, own.ru_maxrss / 1024


KINDS = ("stat", "open", "list", "mkdir", "rename", "remove", "fsync", "flock", "write")
_CALLS = {
    "stat": {"stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
             "readlink", "readlinkat"},
    "open": {"open", "openat", "creat"},
    "list": {"getdents64"},
    "mkdir": {"mkdir", "mkdirat"},
    "rename": {"rename", "renameat", "renameat2"},
    "remove": {"unlink", "unlinkat", "rmdir"},
    "fsync": {"fsync"},
    "flock": {"flock"},
    "write": {"write"},
}  # fmt: skip


def counted(trace: Path, runs: Path) -> tuple[Counter[str], int]:
    """The calls of a trace that name the store, by kind; and all bytes that were written.

    Calls on an open file do not name it: nearly all of them are the store's.
    """
    kinds = {call: kind for kind, names in _CALLS.items() for call in names}
    found: Counter[str] = Counter()
    written = 0
    with trace.open(errors="replace") as handle:
        for line in handle:
            match = re.match(r"\d+ +(\w+)\((.*)", line)
            kind = kinds.get(match[1]) if match else None
            if match is None or kind is None:
                continue
            if kind in ("list", "fsync", "flock", "write") or str(runs) in match[2]:
                found[kind] += 1
            if kind == "write":
                with suppress(ValueError):
                    written += max(0, int(line.rsplit("= ", 1)[-1]))
    return found, written


def describe(root: Path) -> None:
    """Print how many files and bytes each part of a store has, and its fullest folder."""
    print(
        f"{'part of the store':<20} {'files':>8} {'folders':>8} {'MiB':>8} {'fullest folder':>15}"
    )
    for part in sorted(root.iterdir()):
        files, folders, size, most = 0, 0, 0, 0
        for place, names, here in os.walk(part):
            most = max(most, len(names) + len(here))
            folders += 1
            files += len(here)
            size += sum(os.lstat(os.path.join(place, one)).st_size for one in here)
        print(f"{part.name:<20} {files:8} {folders:8} {size / 2**20:8.1f} {most:15}")


# --- the place of all steps ---------------------------------------------------------------------


def make_place(folder: Path) -> Path:
    """A folder with a profile and with programs that answer as Slurm's do."""
    (folder / "bin").mkdir(parents=True)
    for name, script in (("sbatch", SBATCH), ("squeue", SQUEUE)):
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    (folder / "lab.toml").write_text(PROFILE)
    os.environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return folder


def command_of(step: str, folder: Path, count: int) -> list[str]:
    """The command of a step; what squeue says is as it is at that time."""
    if step in ("again", "over"):
        say_states(folder, RUNNING if step == "again" else 0, waiting=step == "again")
    words = STEPS[step]
    if isinstance(words, list):
        return [sys.executable, "-m", "bench", *words, "--results", str(folder / "runs")]
    return [sys.executable, __file__, step, "--folder", str(folder), "--cells", str(count)]


def say_states(folder: Path, running: int, waiting: bool) -> None:
    """What squeue says from now on: so many jobs run, and the others wait or are gone."""
    from bench.executors.cluster.queue import Queue
    from bench.store.store import Store

    submissions = Queue(Store(folder / "runs")).submissions()[0]
    jobs = [job.id for one in submissions for job in one.jobs]
    states = ["RUNNING"] * running + (["PENDING"] if waiting else ["COMPLETED"]) * len(jobs)
    lines = [f"{job}|{state}\n" for job, state in zip(jobs, states, strict=False)]
    (folder / "bin/squeue.jobs").write_text("".join(lines))


def planned(folder: Path, count: int) -> tuple[Session, Agenda]:
    """A session with the agenda of so many cells."""
    from bench.executors.session import RunOptions, Session
    from bench.planning.request import RunArguments, check_request

    options = RunOptions(
        folder / "runs", "benchmark", device="cpu", keep="none",
        executor="slurm", profile=folder / "lab.toml", detach=True,
    )  # fmt: skip
    seeds = min(SEEDS, count // len(TASKS))
    requests = [
        check_request(
            RunArguments(
                method=[f"{HERE / 'empty.py'}:Empty"],
                task=TASKS,
                budget="smoke",
                seeds=seeds,
                settings={"number": number},
            )
        )
        for number in range(count // len(TASKS) // seeds)
    ]
    session = Session(options)
    session.open()
    return session, session.plan(requests)


# --- the steps, in their order ------------------------------------------------------------------


def plan(folder: Path, count: int) -> None:
    """Plan all cells in an empty store, and run one of each task."""
    from dataclasses import replace

    from bench.executors.session import Session

    session, agenda = planned(folder, count)
    assert len(agenda.wanted) == count
    models = {cell.task: cell for cell in agenda.cells}
    here = Session(replace(session.options, executor="local", profile=None, detach=False))
    ended = here.run(replace(agenda, cells=(), wanted=tuple(models.values())))
    assert not ended.unrecorded


def queue(folder: Path, count: int) -> None:
    """Hand all cells to the queue and do not wait; a second time, all are queued already."""
    session, agenda = planned(folder, count)
    ended = session.run(agenda)
    assert len(ended.queued) == len(agenda.wanted) == count - len(TASKS)


def work(folder: Path, count: int) -> None:
    """What the jobs write of their cells, without the method's own work."""
    from bench.execution.cell_log import logged
    from bench.executors.cluster.queue import report_path
    from bench.executors.cluster.reports import CellReport, JobReport
    from bench.store.locks import hold

    session, agenda = planned(folder, count)
    store = session.store
    wanted = {(cell.task, cell.key): cell for cell in agenda.wanted}
    models = models_of(store, agenda)
    for submission, job in jobs_of(store)[:BOOKED]:
        report = JobReport(report_path(submission.folder, job.number))
        for one in job.cells:
            cell = wanted[one.task, one.key]
            report.note(one.name, CellReport("running", "starting"))
            store.open_for_writing()
            with hold(store.lock_path("cell", cell.key)), logged(store.log_path(cell.key)):
                assert store.read_record(cell.task, "empty", cell.key) is None
                store.write_record(as_done(models[cell.task], cell))
            report.note(one.name, CellReport("ended", status="done"))


def fill(folder: Path, count: int) -> None:
    """The records and reports of the other jobs; nothing is synced, and no lock is taken."""
    import json

    from bench.executors.cluster.queue import report_path

    session, agenda = planned(folder, count)
    store = session.store
    wanted = {(cell.task, cell.key): cell for cell in agenda.wanted}
    models = {task: as_text(store, one) for task, one in models_of(store, agenda).items()}
    for submission, job in jobs_of(store)[BOOKED:]:
        for one in job.cells:
            cell = wanted[one.task, one.key]
            text, model = models[cell.task]
            for old, new in (
                (f'"key": "{model.key}"', f'"key": "{cell.key}"'),
                (f'"fit_key": "{model.fit_key}"', f'"fit_key": "{cell.fit.key}"'),
                (f'"number": {model.config["number"]}', f'"number": {cell.fit.config["number"]}'),
                (f'"seed": {model.seed}', f'"seed": {cell.fit.seed}'),
            ):
                text = text.replace(old, new)
            store.record_path(cell.task, "empty", cell.key).write_text(text)
        ended = {one.name: {"state": "ended", "status": "done"} for one in job.cells}
        content = json.dumps({"host": "node", "cells": ended})
        report_path(submission.folder, job.number).write_text(content)


def models_of(store: Store, agenda: Agenda) -> dict[str, Record]:
    """The record that really ran, by task."""
    found: dict[str, Record] = {}
    for cell in agenda.done:
        record = store.read_record(cell.task, "empty", cell.key)
        if record is not None and record.config:  # not of the default settings
            found.setdefault(cell.task, record)
    return found


def as_text(store: Store, model: Record) -> tuple[str, Record]:
    return store.record_path(model.task, "empty", model.key).read_text(), model


def jobs_of(store: Store) -> list[tuple[Submission, Job]]:
    """All jobs of the queue, with their submissions."""
    from bench.executors.cluster.queue import Queue

    return [(one, job) for one in Queue(store).submissions()[0] for job in one.jobs]


def resume(folder: Path, count: int) -> None:
    """Plan all cells once more, when all are done."""
    assert not planned(folder, count)[1].wanted


def records(folder: Path, count: int) -> None:
    """The same, and all records are read for the table at the end of the command."""
    session, agenda = planned(folder, count)
    assert len(session.run(agenda, by_subject=False).records) == count


def as_done(model: Record, cell: Cell) -> Record:
    """The record of a cell: a copy of another's, under its own name."""
    settings = {"config": cell.settings, "resolved_config": cell.fit.config, "seed": cell.fit.seed}
    return model.model_copy(update={"key": cell.key, "fit_key": cell.fit.key, **settings})


STEPS: dict[str, Callable[[Path, int], None] | list[str]] = {
    "plan": plan,
    "queue": queue,
    "again": queue,
    "running": ["status"],
    "work": work,
    "fill": fill,
    "over": ["status"],
    "collect": ["collect"],
    "resume": resume,
    "records": records,
    "report": ["report", "--format", "csv"],
}
"""What is measured, in this order; a list is a command of bench."""


if __name__ == "__main__":
    main()
