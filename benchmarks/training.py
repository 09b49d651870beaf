"""Training: the loop, what a step could be, cells at once, and the same on a GPU.

    python benchmarks/training.py                              # all that this machine can
    python benchmarks/training.py loop variants --methods ae dae --sizes 64
    python benchmarks/training.py cells --processors 2 4 8
    python benchmarks/training.py --at-once 16 --limit 135 --json training.json

loop: images per second of the real loop of `methods.shared.training`, in the middle of a fit,
against bare steps (forward, backward, optimiser on one batch that does not change), for each
training of each method; the goal is 0.9. variants: bare steps against what else the hardware
gives. compiled: `torch.compile`, and after how many steps it has repaid its time. cells: images
per second of all cells together, for all ways to fill some processors with cells and threads.
gpu: loop, variants, compiled and whole steps as CUDA graphs, on CUDA.

Batch and width are those of the budget `smoke` on a CPU, of `paper` on a GPU; images are made up.
The best of some turns counts. Each measurement has processors of its own, so that `--at-once` of
them may be used together on an idle machine (the last line above: 16 idle cores and a GPU; what
runs 15 seconds after the limit is stopped and named). Where others use the processors, look at
processor time, and not at `cells`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import training_tables
from training_cells import measure_cells
from training_steps import cores, measure_loop, pin, prepare, usable
from training_variants import measure_compiled, measure_graph, measure_variants

PARTS = ("loop", "variants", "compiled", "cells", "gpu")
METHODS = (
    *("ae", "dae", "proxyano", "vae", "memae", "fanogan", "anovaegan", "anoddpm", "phanes-like"),
    *("ssl-padim", "ssl-patchcore"),
)
FEW = ("ae", "dae", "proxyano")
MEASURES = {
    "loop": measure_loop,
    "variants": measure_variants,
    "compiled": measure_compiled,
    "graph": measure_graph,
}
GRACE_S = 15.0
"""So long may what has begun go on after the limit."""


@dataclass
class Job:
    """Measurements that one process takes, one after another.

    Attributes:
        tasks: what to measure; each names its part and all that it needs.
        processors: how many it has to itself.
    """

    tasks: list[dict[str, Any]]
    processors: int = 1
    own: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    file: Path = Path()

    @property
    def on_gpu(self) -> bool:
        """Whether it needs the GPU, which one job has at a time."""
        return bool(self.tasks[0].get("device") == "cuda")


def main() -> None:
    options = parsed()
    if options.worker:
        work(json.loads(options.worker.read_text()))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what was started, too
    rows, there = [], machine()
    for found in run(jobs(options), options):
        rows += found
        for row in found:
            there |= row.pop("machine", {})
            print(training_tables.line(row), file=sys.stderr, flush=True)
        if options.json:
            whole = {"machine": there, "command": sys.argv[1:], "rows": rows}
            options.json.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    print(training_tables.markdown(there, rows))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="of loop")
    parser.add_argument("--few", nargs="+", default=FEW, help="of the other parts, and of 112 px")
    parser.add_argument("--sizes", nargs="+", type=int, default=[64, 112], help="of loop and cells")
    parser.add_argument("--variant-sizes", nargs="+", type=int, default=[64])
    parser.add_argument("--processors", nargs="+", type=int, default=[2, 4, 8], help="of cells")
    parser.add_argument("--steps", type=int, default=20, help="of one turn")
    parser.add_argument("--gpu-steps", type=int, default=30, help="of one turn on a GPU")
    parser.add_argument("--turns", type=int, default=2, help="the best counts")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one turn of cells")
    parser.add_argument("--at-once", type=int, default=1, help="processors to measure on together")
    parser.add_argument("--limit", type=float, default=3600, help="seconds; nothing starts later")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for one in options.parts:
        if one not in PARTS:
            parser.error(f"{one!r} is not a part; allowed: {', '.join(PARTS)}")
    options.parts = options.parts or list(PARTS)
    options.deadline = time.time() + options.limit
    return options


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    from importlib.metadata import version

    cpu = Path("/proc/cpuinfo")
    names = (
        [one for one in cpu.read_text().splitlines() if one.startswith("model name")]
        if (cpu.exists())
        else []
    )
    return {
        "cpu": names[0].split(":")[1].strip() if names else platform.processor(),
        "processors": len(usable()),
        "cores": cores(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": version("torch"),
    }


# --- what is measured -------------------------------------------------------------------------


def jobs(options: argparse.Namespace) -> list[Job]:
    """What there is to do, the most useful first."""
    cpu = {"device": "cpu", "steps": options.steps, "turns": options.turns}
    few = [(name, size) for name in options.few for size in options.variant_sizes]
    found: dict[str, list[Job]] = {"gpu": gpu_jobs(options)}
    task = {"part": "cells", "methods": options.few, "sizes": options.sizes}
    task |= {"processors": options.processors, "seconds": options.seconds}
    cases = [
        (name, size)
        for size in options.sizes
        for name in options.methods
        if size == options.sizes[0] or name in options.few
    ]
    tasks = _tasks("loop", cases, cpu)
    groups = min(3, options.at_once, len(tasks))
    found["loop"] = [Job(tasks[at::groups]) for at in range(groups)]
    found["variants"] = [Job(_tasks("variants", few, cpu))]
    wide = min(max(options.processors), len(usable()))
    found["cells"] = [Job([{**task, "turns": options.turns}], wide)]
    wide = 2 if options.at_once > 2 else 1
    compiled = _tasks("compiled", few, {**cpu, "mode": "default"})
    found["compiled"] = [Job([one], wide) for one in compiled]
    return [job for part, some in found.items() if part in options.parts for job in some]


def gpu_jobs(options: argparse.Namespace) -> list[Job]:
    """Loops and variants, graphs, compiled: each kind in a process of its own, which may break."""
    gpu = {"device": "cuda", "steps": options.gpu_steps, "turns": options.turns}
    large = ("proxyano", 224)
    few = [large, *[(name, 112) for name in options.few]]
    every = [large, *[(name, 112) for name in options.methods]]
    wide = 2 if options.at_once > 2 else 1
    return [
        Job(_tasks("loop", every, gpu) + _tasks("variants", few, gpu), wide),
        Job(_tasks("graph", few[1:], gpu), wide),
        Job(_tasks("compiled", [("ae", 112)], {**gpu, "mode": "default"}), wide),
        Job(_tasks("compiled", [("ae", 112)], {**gpu, "mode": "reduce-overhead"}), wide),
    ]


def _tasks(
    part: str, cases: Sequence[tuple[str, int]], rest: dict[str, Any]
) -> list[dict[str, Any]]:
    return [{"part": part, **rest, "method": name, "size": size} for name, size in cases]


# --- processes --------------------------------------------------------------------------------


def run(waiting: list[Job], options: argparse.Namespace) -> Iterator[list[dict[str, Any]]]:
    """Rows of jobs as they end; jobs start in order, as soon as there are processors for them."""
    free = usable()
    free, running = free[: max(1, min(options.at_once, len(free)))], []
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or running:
                for job in list(waiting):
                    if _may_start(job, running, free):
                        waiting.remove(job)
                        _take(job, free)
                        _start(job, Path(folder), options)
                        running.append(job)
                    elif not job.on_gpu:
                        break  # small jobs would take the processors that a large one waits for
                time.sleep(0.1)
                late = time.time() > options.deadline + GRACE_S
                for job in list(running):
                    assert job.process is not None
                    if late and job.process.poll() is None:
                        os.killpg(job.process.pid, signal.SIGKILL)
                    if late or job.process.poll() is not None:
                        job.process.wait()
                        running.remove(job)
                        free = sorted([*free, *job.own], key=usable().index)
                        yield _rows(job, late)
        finally:
            for job in running:
                if job.process is not None:
                    os.killpg(job.process.pid, signal.SIGKILL)


def _may_start(job: Job, running: list[Job], free: list[int]) -> bool:
    """It has processors to itself, or the whole machine; and the GPU."""
    if running and len(free) < job.processors:
        return False
    return not (job.on_gpu and any(one.on_gpu for one in running))


def _take(job: Job, free: list[int]) -> None:
    """Processors for a job, from the other end for a GPU's; where there are too few it has all."""
    if len(free) >= job.processors:
        job.own = [free.pop(-1 if job.on_gpu else 0) for _ in range(job.processors)]


def _start(job: Job, folder: Path, options: argparse.Namespace) -> None:
    job.file = folder / f"{len(list(folder.iterdir()))}.json"
    work = {"tasks": job.tasks, "processors": job.own, "deadline": options.deadline}
    job.file.write_text(json.dumps(work))
    threads = str(len(job.own) or 1)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_COMPILE_THREADS": threads}
    words = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), f"--worker={job.file}"]
    with (
        job.file.with_suffix(".out").open("wb") as out,
        job.file.with_suffix(".err").open("wb") as err,
    ):
        job.process = subprocess.Popen(
            words, stdout=out, stderr=err, env=environment, start_new_session=True
        )


def _rows(job: Job, late: bool) -> list[dict[str, Any]]:
    """What a job wrote; tasks of which it wrote nothing are named."""
    lines = job.file.with_suffix(".out").read_text().splitlines()
    found = [json.loads(one) for one in lines if one.startswith("{")]
    answered = {json.dumps(one["task"]) for one in found}
    words = job.file.with_suffix(".err").read_text().strip().splitlines() or ["no message"]
    reason = "stopped, too late" if late else f"the process ended: {words[-1][:200]}"
    assert job.process is not None
    if job.tasks[0]["part"] == "cells" and job.process.returncode:
        answered = set()  # it answers with many rows, of which some are missing
    silent = [one for one in job.tasks if json.dumps(one) not in answered]
    return found + [{"task": one, "left out": reason} for one in silent]


def work(given: dict[str, Any]) -> None:
    """Be a process that measures: one line of JSON for each row."""
    device = given["tasks"][0].get("device", "cpu")
    pin(given["processors"] or usable())
    if given["tasks"][0]["part"] != "cells":  # whose processes prepare themselves
        prepare(device, len(given["processors"]) if device == "cuda" else 1)
    missing = ""
    if device == "cuda":
        import torch

        if torch.cuda.is_available():
            given["machine"] = {"gpu": torch.cuda.get_device_name()}
        else:
            missing = "this machine has no GPU that torch can use"
    for task in given["tasks"]:
        late = time.time() > given["deadline"]
        if late or missing:
            _write({"task": task, "left out": missing or "too late"})
        else:
            _measured(task, given["deadline"], given.get("machine", {}))


def _measured(task: dict[str, Any], deadline: float, machine: dict[str, Any]) -> None:
    start = time.time()
    try:
        if task["part"] == "cells":
            for row in measure_cells({**task, "deadline": deadline}):
                _write({"task": task, **row})
            return
        rows = MEASURES[task["part"]](task)
    except Exception as reason:  # the next line may well work
        words = f"{type(reason).__name__}: {reason}".splitlines()
        _write({"task": task, "left out": " ".join(words)[:300]})
        return
    for row in rows:
        _write({"task": task, **row, "took s": time.time() - start, "machine": machine})


def _write(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
