"""What running costs beside the methods themselves.

    python benchmarks/runner.py plan [--cells 10000]    # plan, and resume: under 3 s
    python benchmarks/runner.py overhead [--cells 20]   # per cell, beside a bare subprocess loop
    python benchmarks/runner.py safety                  # checksums and checkpoints

`plan` fills a store of its own with copies of one record. `overhead` runs cells whose method does
nothing, and programs of the same number that do nothing: on eight small images and one protocol,
which is what bench itself costs, and on the embedded phantom, where reading and scoring are in the
number. Times are wall time; the processor's time of all processes stands beside it, since a
machine may do other work.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    _print(what, wall / each, busy / each)


def _print(what: str, wall: float, busy: float) -> None:
    print(f"{what:<60} {wall:9.4f} s wall  {busy:9.4f} s processor", flush=True)


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


SMALL = """
name = "small"
title = "Eight images of 16 pixels"
version = 1
description = "Made by a benchmark"
licence = "CC0-1.0"
citation = "none"
synthetic = true
[[layouts]]
name = "plain"
title = "train and test"
kind = "images"
id = "{part}-{class}-{image}"
images = { grey = "{part}/{class}/{image}.png" }
normal = ["good"]
abnormal = ["bad"]
[splits.train]
subjects = { part = "train" }
rule = "the folder train"
[splits.test]
subjects = { part = "test" }
rule = "the folder test"
[preparation]
foreground = "whole"
[tasks.one]
title = "One protocol"
channels = ["grey"]
protocols = ["image@1"]
headline = { protocol = "image@1", metric = "auroc" }
"""


def overhead(folder: Path, count: int, benchopt: Path | None) -> None:
    """Cells of methods that do nothing, programs that do nothing, and benchopt's runner."""
    _adopt_orphans()
    _small_data(folder)
    empty = f"{Path(__file__).with_name('empty.py')}:Empty"
    for what, method, task in (
        ("8 small images, 1 protocol", empty, "small/one"),
        ("phantom, 9 protocols", "random", TASK),
    ):
        words = [sys.executable, "-P", "-m", "bench", "run", "--no-yardsticks", "--method", method]
        words += ["--task", task, "--data-dir", ".", "--budget", "smoke", "--device", "cpu"]
        words += ["--jobs", "1", "--keep", "none", "--results"]
        with timed(f"first cell ({what}), command included"):
            _run([*words, "cold", "--seeds", "1"], folder)
        alone = _taken([*words, "warm", "--seeds", "1"], folder)
        both = _taken([*words, "many", "--seeds", str(count + 1)], folder)
        wall, busy = ((after - before) / count for before, after in zip(alone, both, strict=True))
        _print(f"each of {count} more cells ({what})", wall, busy)
        for name in ("cold", "warm", "many"):
            shutil.rmtree(folder / name)
    for program in ("pass", "import numpy", "import torch"):
        with timed(f"each of {count} programs: {program}", count):
            for _ in range(count):
                _run([sys.executable, "-c", program], folder)
    if benchopt is None:
        print("benchopt was not measured: --benchopt PATH names its command")
    else:
        _benchopt(folder / "peer", benchopt, max(count, 200))  # each takes milliseconds


def _taken(words: list[str], folder: Path) -> tuple[float, float]:
    """Wall and processor time of a command."""
    wall, busy = time.perf_counter(), _busy()
    _run(words, folder)
    return time.perf_counter() - wall, _busy() - busy


def _small_data(folder: Path) -> None:
    from PIL import Image

    draw = np.random.default_rng(0)
    for kind in ("train/good", "test/good", "test/bad"):
        (folder / "small" / kind).mkdir(parents=True)
        for number in range(4 if kind == "train/good" else 2):
            image = Image.fromarray(draw.integers(1, 255, (16, 16), dtype=np.uint8))
            image.save(folder / "small" / kind / f"{number}.png")
    (folder / "datasets").mkdir()
    (folder / "datasets/small.toml").write_text(SMALL)


def _adopt_orphans() -> None:
    """Have the server of a run's workers counted: it ends after the run, as nobody's child."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _run(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    with suppress(ChildProcessError):
        while True:
            os.wait()


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
        _run([*words, "-n", "1", "-r", "1"], folder)

    with timed("benchopt: first run of an empty solver, command included"):
        run(1)
    wall, busy = time.perf_counter(), _busy()
    run(1)
    wall, busy = 2 * time.perf_counter() - wall, 2 * _busy() - busy
    run(count + 1)
    wall, busy = time.perf_counter() - wall, _busy() - busy
    _print(f"benchopt: each of {count} more, in the same process", wall / count, busy / count)


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
