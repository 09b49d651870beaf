"""What running costs beside the methods themselves.

    python benchmarks/runner.py plan [--cells 10000]    # plan, and resume: under 3 s
    python benchmarks/runner.py overhead [--cells 20]   # per cell, beside a bare subprocess loop
    python benchmarks/runner.py safety                  # checksums and checkpoints

`plan` fills a store of its own with copies of one record. `overhead` runs cells whose method does
nothing on the embedded phantom, and programs of the same number that do nothing; what a cell
itself needs (reading, predicting, scoring) is in its number and stands beside it. Times are wall
time; the processor's time of all processes stands beside it, since a machine may do other work.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

TASK = "phantom/ms-t1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["plan", "overhead", "safety"])
    parser.add_argument("--cells", type=int)
    parser.add_argument("--benchopt", type=Path, help="its command, in an environment of its own")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if arguments.what == "plan":
            plan(Path(name), arguments.cells or 10_000)
        elif arguments.what == "overhead":
            overhead(Path(name), arguments.cells or 20, arguments.benchopt)
        else:
            safety(Path(name))


@contextmanager
def timed(what: str, each: int = 1) -> Iterator[None]:
    """Print wall and processor time of a block, divided by ``each``."""
    wall, busy = time.perf_counter(), _busy()
    yield
    wall, busy = time.perf_counter() - wall, _busy() - busy
    print(f"{what:<52} {wall / each:9.4f} s wall  {busy / each:9.4f} s processor", flush=True)


def _busy() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def plan(folder: Path, count: int) -> None:
    """Plan so many cells in an empty store, and in one where all are done."""
    from bench.executors.session import RunOptions, Session
    from bench.planning.request import RunArguments, check_request

    options = RunOptions(folder / "runs", "benchmark", device="cpu")
    one = check_request(RunArguments(method=["random"], task=[TASK], budget="smoke", seeds=1))
    first = Session(options)
    first.open()
    ended = first.run(first.plan([one]))
    (record,) = ended.records
    many = check_request(RunArguments(method=["random"], task=[TASK], budget="smoke", seeds=count))
    with timed(f"plan of {count} cells, one of them done"):
        agenda = Session(options).plan([many])
    assert len(agenda.wanted) == count - 1
    for cell in agenda.wanted:
        changes = {"key": cell.key, "fit_key": cell.fit.key, "seed": cell.fit.seed}
        path = first.store.record_path(cell.task, record.method, cell.key)
        path.write_text(record.model_copy(update=changes).model_dump_json())  # needs no sync
    with timed(f"resume: plan of {count} cells, all done"):
        agenda = Session(options).plan([many])
    assert not agenda.wanted
    with timed("resume: the records read back"):
        Session(options).run(agenda)


def overhead(folder: Path, count: int, benchopt: Path | None) -> None:
    """Cells of a method that does nothing, programs that do nothing, and benchopt's runner."""
    words = [sys.executable, "-P", "-m", "bench", "run", "--no-yardsticks", "--method", "random"]
    words += ["--task", TASK, "--budget", "smoke", "--device", "cpu", "--jobs", "1"]
    words += ["--results", str(folder / "runs")]

    def run(seeds: int) -> None:
        done = subprocess.run([*words, "--seeds", str(seeds)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    with timed("one cell from nothing, command line included"):
        run(1)
    with timed(f"each of {count} more cells", count):
        run(count + 1)
    with timed(f"each of {count} programs: python -c pass", count):
        for _ in range(count):
            subprocess.run([sys.executable, "-c", "pass"], check=True)
    with timed(f"each of {count} programs that import torch", count):
        for _ in range(count):
            subprocess.run([sys.executable, "-c", "import torch"], check=True)
    if benchopt is None:
        print("benchopt was not measured: --benchopt PATH names its command")
    else:
        _benchopt(folder / "peer", benchopt, max(count, 200))  # each takes milliseconds


PEER = {
    "objective.py": """
from benchopt import BaseObjective
class Objective(BaseObjective):
    name = "nothing"
    sampling_strategy = "run_once"
    def set_data(self, x): pass
    def get_objective(self): return {}
    def evaluate_result(self, value): return {"value": value}
    def get_one_result(self): return {"value": 0.0}
""",
    "datasets/nothing.py": """
from benchopt import BaseDataset
class Dataset(BaseDataset):
    name = "nothing"
    def get_data(self): return {"x": 0}
""",
    "solvers/empty.py": """
from benchopt import BaseSolver
class Solver(BaseSolver):
    name = "empty"
    sampling_strategy = "run_once"
    parameters = {"seed": list(range(COUNT))}
    def set_objective(self): pass
    def run(self, n): pass
    def get_result(self): return {"value": 1.0}
""",
}


def _benchopt(folder: Path, command: Path, count: int) -> None:
    """Benchopt with an empty solver: one run, then so many more. It runs them in one process."""

    def run(runs: int) -> None:
        for name, text in PEER.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text.replace("COUNT", str(runs)))
        words = [str(command), "run", str(folder), "--no-plot", "--no-html", "--no-cache"]
        subprocess.run([*words, "-n", "1", "-r", "1"], capture_output=True, check=True)

    with timed("benchopt: one run from nothing"):
        run(1)
    busy = _busy()
    run(1)
    alone = _busy() - busy
    busy = _busy()
    run(count + 1)
    each = (_busy() - busy - alone) / count
    print(f"{'benchopt: each more run, in the same process':<52} {'':>16}{each:9.4f} s processor")


def safety(folder: Path) -> None:
    """Checksums per gigabyte, and a checkpoint of 100 MB."""
    from bench.checksums import check_folder, seal
    from bench.execution.checkpoints import FitCheckpoints

    place = folder / "arrays"
    place.mkdir()
    size = 2**28
    (place / "images.npy").write_bytes(np.random.default_rng(0).bytes(size))
    with timed("checksum of 268 MB, written"):
        seal(place)
    with timed("checksum of 268 MB, compared"):
        check_folder(place)
    state = os.urandom(100_000_000)

    def fill(at: Path) -> None:
        (at / "state.safetensors").write_bytes(state)

    kept = FitCheckpoints(folder / "kept", made_with={}, log=logging.getLogger("benchmark"))
    with timed("checkpoint of 100 MB, synced and sealed"):
        kept.write("train", fill)


if __name__ == "__main__":
    main()
