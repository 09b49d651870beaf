"""What scoring costs: a cell of a method that costs nothing, and rescoring 30 patients at 224 px.

    python benchmarks/scoring.py cell [--against REVISION]
    python benchmarks/scoring.py rescore [--against REVISION] [--patients 30] [--side 224]

`cell` runs `constant` on the embedded phantom (18 subjects of 64 px, nine protocols) in a process
that is warm: preparation and fit stand. `rescore` makes patients of 60 slices and scores them by
five protocols, in a process of its own for its peak of memory. ``--against`` does the same with
the code of a revision (in a temporary worktree), turn by turn, and prints ratios. Times are the
processor's, since a machine may do other work.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
PROTOCOLS = ("pixel-pooled@2", "pixel-subject@2", "pixel-pooled@1", "image-top@1", "dice@1")
SLICES = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["cell", "rescore"])
    parser.add_argument("--against", help="a revision of this repository")
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child = cell if options.what == "cell" else rescore
        print(json.dumps(child(Path(options.child), options)))
        return
    with code_of(options.against) as trees:
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(options.turns):
                for name, tree in trees.items():
                    place = Path(folder) / name
                    place.mkdir(exist_ok=True)
                    found[name].append(turn(tree, place))
    show(found)


@contextlib.contextmanager
def code_of(revision: str | None) -> Iterator[dict[str, Path]]:
    """The source trees to measure, by name."""
    if revision is None:
        yield {"now": ROOT}
        return
    with tempfile.TemporaryDirectory() as folder:
        tree, git = Path(folder) / "tree", ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(tree), revision], check=True)
        try:
            yield {revision: tree, "now": ROOT}
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def turn(tree: Path, place: Path) -> dict[str, Any]:
    """Run this script with the code of a tree, and what it printed last."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-P", __file__, *sys.argv[1:], "--child", str(place)]
    done = subprocess.run(words, env=environment, cwd=tree, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(found: dict[str, list[dict[str, Any]]]) -> None:
    """One line per code, and per quantity the ratio of the first to the last."""
    names = list(found)
    middle = {
        name: {key: median(one[key] for one in turns) for key in turns[0] if key != "digest"}
        for name, turns in found.items()
    }
    for name, row in middle.items():
        print(name, " ".join(f"{key} {value:.2f}" for key, value in row.items()))
    if len(names) > 1:
        first, last = middle[names[0]], middle[names[-1]]
        print("ratio", " ".join(f"{key} {first[key] / last[key]:.2f}" for key in last))
    digests = {one["digest"] for turns in found.values() for one in turns}
    print("the same numbers" if len(digests) == 1 else "THE NUMBERS DIFFER")


def cell(place: Path, _: argparse.Namespace) -> dict[str, Any]:
    """Processor seconds of a cell that is run again."""
    from bench.data.cache.folder import cache_dir
    from bench.execution.context import RunContext
    from bench.execution.run import run_cell
    from bench.executors.session import RunOptions, Session
    from bench.planning.request import RunArguments, check_request

    session = Session(RunOptions(place / "runs", "benchmark", device="cpu"))
    session.open()
    request = RunArguments(method=["constant"], task=["phantom/glioma-t2"], budget="smoke")
    plan = session.plan([check_request(request)])
    cells = plan.cells
    again = time.time() + 1e6
    context = RunContext(place / "runs", cache_dir(), "cpu", "maps", "b", fresh_after=again)
    seconds: list[float] = []
    for _ in range(4):
        start = time.process_time()
        record = run_cell(cells[0], context, lambda *_: None)
        seconds.append(time.process_time() - start)
    numbers = {name: one.metrics for name, one in record.protocols.items()}
    return {"cpu_s": min(seconds[1:]), "digest": json.dumps(numbers, sort_keys=True)}


def rescore(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Processor seconds and peak of memory of scoring a folder; it is filled in the first turn."""
    from bench.execution.scoring import score_folder

    size = sum(one.stat().st_size for one in place.iterdir()) / 1e6
    names = [f"p{at:02d}" for at in range(options.patients)]
    subjects = {"test": names, "validation": ["n0", "n1", "n2"]}
    if not size:
        start = time.process_time()
        fill(place, subjects, options.side)
        size = sum(one.stat().st_size for one in place.iterdir()) / 1e6
        print(f"filled in {time.process_time() - start:.1f} s", file=sys.stderr)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    start = time.process_time()
    found = score_folder(PROTOCOLS, place, subjects)
    seconds = time.process_time() - start
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1000
    numbers = {name: [one.metrics, one.cases] for name, one in found.items()}
    digest = json.dumps(numbers, sort_keys=True)
    return {"cpu_s": seconds, "peak_mb": peak, "stored_mb": size, "digest": digest}


def fill(place: Path, subjects: dict[str, list[str]], side: int) -> None:
    """Predictions with smooth maps within an ellipsoid, and small round lesions."""
    from scipy import ndimage

    from bench.geometry import Geometry
    from bench.store.predictions import SubjectPrediction, write_index, write_prediction

    shape = (SLICES, side, side)
    grid = np.indices(shape).astype(np.float32)
    away = [(axis - n / 2) / (0.42 * n) for axis, n in zip(grid, shape, strict=True)]
    masks = sum(one**2 for one in away) < 1
    affine = np.eye(4)
    geometry = Geometry(
        spacing_mm=(1.0, 1.0, 2.0),
        affine=affine,
        input_affine=affine,
        input_shape=(side, side, SLICES),
        slices=np.arange(SLICES),
    )
    for role, names in subjects.items():
        for at, name in enumerate(names):
            generator = np.random.default_rng([at, role == "test"])
            noise = generator.standard_normal(shape, dtype=np.float32)
            maps = np.abs(ndimage.gaussian_filter(noise, 1.5)) * masks
            centre = [generator.integers(n // 3, 2 * n // 3) for n in shape]
            near = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
            labels = (near < generator.integers(5, 15) ** 2) & masks & (role == "test")
            maps = (maps + np.float32(0.1) * labels).astype(np.float32)
            one = SubjectPrediction(
                subject=name,
                role=role,
                maps=maps,
                scores=maps.max(axis=(1, 2)),
                masks=masks,
                labels=labels if role == "test" else None,
                image_labels=labels.any(axis=(1, 2)),
                geometry=geometry,
            )
            write_prediction(place, one)
    write_index(place, subjects)


if __name__ == "__main__":
    main()
