"""How long a report of a large store takes, and how heavy its page is.

    python benchmarks/report.py tables [--cells 10000]     # target: under 10 s and 1 GB
    python benchmarks/report.py html [--cells 200]         # target: under 20 MB, 2 s to first paint
    python benchmarks/report.py tables --cells 24 --turns 5 --against REVISION

Both make a store of their own in a temporary folder (100 kB a cell) and call the command line on
it. First paint is measured in headless Chromium where that is installed. ``--against`` calls the
code of a revision of this repository turn by turn with today's, and says whether they write the
same bytes; of several turns the least counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
from scoring import code_of

from bench import registry
from bench.data.prepare.version import preparation_fingerprint
from bench.stats.draws import draws_of, subject_draws
from bench.store.predictions import Geometry, SubjectPrediction, write_prediction
from bench.store.records import Cost, Interval, ProtocolNumbers, Record, SubjectNumbers, Subjects
from bench.store.replicates import Replicates, Resampled
from bench.store.store import Store

SUBJECTS, SLICES, SEEDS = 30, 4, 3
POOL = 64  # sets of replicates that the numbers share: making 100,000 would take longer than all
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["tables", "html"])
    parser.add_argument("--cells", type=int)
    parser.add_argument("--size", type=int, default=128, help="side of the images (html)")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--against", help="a revision of this repository")
    arguments = parser.parse_args()
    with code_of(arguments.against) as trees, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.what == "tables":
            tables(folder, arguments.cells or 10_000, trees, arguments.turns)
        else:
            html(folder, arguments.cells or 200, arguments.size, trees, arguments.turns)


def tables(folder: Path, cells: int, trees: dict[str, Path], turns: int) -> None:
    make_store(folder / "runs", cells)
    for form in ("markdown", "latex", "csv", "json", "html"):
        measure(folder, trees, turns, "report", "--format", form)
    measure(folder, trees, turns, "list", "cells")
    describe_page(folder / "report.html")


def html(folder: Path, cells: int, size: int, trees: dict[str, Path], turns: int) -> None:
    make_store(folder / "runs", cells, seeds=1, size=size)
    measure(folder, trees, turns, "report", "--format", "html")
    describe_page(folder / "report.html")


def measure(folder: Path, trees: dict[str, Path], turns: int, *words: str) -> None:
    """A command with each code, turn by turn; what the last one says stays in the folder."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in trees}
    out, said = folder / f"report.{words[-1]}", set()
    for _ in range(turns):
        for name, tree in trees.items():
            found[name].append(timed(folder, tree, out, *words))
            said.add(out.read_bytes())
    for name, each in found.items():
        wall, used, memory = (min(values) for values in zip(*each, strict=True))
        print(
            f"{words[-1]:9} {name:10} wall {wall:6.2f} s  processor {used:6.2f} s  "
            f"peak {memory:5.0f} MiB"
        )
    if len(said) > 1:
        print(f"{words[-1]:9} THE BYTES DIFFER")


def describe_page(page: Path) -> None:
    """Print the size of a page and, with Chromium, its first paint."""
    print(f"page: {page.stat().st_size / MIB:.1f} MiB")
    if shutil.which("chromedriver"):
        paints = sorted(first_paint(page) for _ in range(3))
        print(
            f"first contentful paint: median {paints[1]:.0f} ms of {[round(one) for one in paints]}"
        )


def timed(folder: Path, tree: Path, out: Path, *words: str) -> tuple[float, float, float]:
    """Wall and processor seconds of a command and its peak memory in MiB."""
    command = [sys.executable, "-P", "-m", "bench", *words]
    places = {"BENCH_RESULTS": str(folder / "runs"), "PYTHONPATH": str(tree)}
    with out.open("wb") as written:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **places}, stdout=written, stderr=subprocess.DEVNULL
        )
        _, status, own = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return wall, own.ru_utime + own.ru_stime, own.ru_maxrss / 1024


def first_paint(page: Path) -> float:
    """Milliseconds from navigation to first contentful paint."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for one in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{one}")
    browser = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(shutil.which("chromedriver"))
    )
    try:
        browser.get(page.as_uri())
        script = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        for _ in range(100):
            found = browser.execute_script(script)
            if found is not None:
                return float(found)
            time.sleep(0.1)
        sys.exit("nothing was painted within 10 s")
    finally:
        browser.quit()


def make_store(root: Path, cells: int, *, seeds: int = SEEDS, size: int = 0) -> None:
    """Records of all methods on all tasks, in settings enough; with predictions if sized."""
    store = Store(root)
    tasks = list(registry.all_tasks())
    methods = list(registry.load_methods())
    rng = np.random.default_rng(0)
    settings = 1 + cells // (seeds * len(tasks) * len(methods))
    every = product(range(settings), tasks, methods, range(seeds))
    subjects = [f"subject-{at:03d}" for at in range(SUBJECTS)]
    pool = [replicates(rng, subjects) for _ in range(POOL)]
    inputs = phantom(rng, size) if size else None
    for number, (setting, task, method, seed) in zip(range(cells), every, strict=False):
        record = a_record(rng, number, task, method, setting, seed, subjects, pool)
        store.write_record(record)
        if inputs is not None:
            folder = store.prediction_folder(record.key)
            folder.mkdir(parents=True)
            for subject, (image, labels) in zip(subjects, inputs, strict=True):
                write_prediction(folder, a_prediction(rng, subject, image, labels))


def a_record(
    rng: np.random.Generator,
    number: int,
    task: str,
    method: str,
    setting: int,
    seed: int,
    subjects: list[str],
    pool: list[Resampled],
) -> Record:
    dataset = registry.dataset(task.split("/")[0])
    budget, prepared = registry.budget("quick"), dataset.preparation
    return Record(
        key=f"{number:064x}",
        fit_key=f"{number:064x}",
        dataset=dataset.name,
        dataset_version=dataset.version,
        task=task,
        method=method,
        method_version=registry.load_methods()[method].version,
        config={"width": 16 + setting} if setting else {},
        train_on=dataset.name,
        budget=budget.name,
        budget_values=budget.key_values(),
        seed=seed,
        deterministic=False,
        device="cpu",
        status="done",
        protocols={
            name: numbers(rng, subjects, pool)
            for name in dataset.tasks[task.split("/")[1]].protocols
        },
        subjects=Subjects(
            train=[f"t{at}" for at in range(100)],
            validation=[f"v{at}" for at in range(20)],
            test=subjects,
            test_expected=SUBJECTS,
        ),
        cost=Cost(
            fit_seconds=100.0 * rng.random(),
            fit_shared=False,
            predict_ms_per_image=10.0 * rng.random(),
            peak_rss_mb=700.0,
        ),
        fingerprints={
            "training": "a" * 64,
            "test": "b" * 64,
            **({"preparation": preparation_fingerprint(prepared)} if prepared else {}),
        },
        provenance={"command": "bench suite x", "host": f"node{number % 4}", "bench": "0.1.0"},
    )


def replicates(rng: np.random.Generator, subjects: list[str]) -> Resampled:
    """Of numbers that vary as real ones do: each subject has a value of its own."""
    draws = subject_draws(subjects)
    return Resampled(
        draws=draws_of(subjects),
        subjects=len(subjects),
        metrics={
            name: Replicates.of(draws @ rng.random(len(subjects)) / draws.sum(axis=1))
            for name in ("ap", "auroc")
        },
    )


def numbers(
    rng: np.random.Generator, subjects: list[str], pool: list[Resampled]
) -> ProtocolNumbers:
    values = {"ap": float(rng.random()), "auroc": float(rng.random())}
    return ProtocolNumbers(
        status="done",
        metrics=values,
        intervals={name: Interval(low=one / 2, high=one) for name, one in values.items()},
        prevalence=0.02,
        cases=10**6,
        positives=20_000,
        subjects=len(subjects),
        resampled=pool[rng.integers(len(pool))],
        per_subject={
            one: SubjectNumbers(
                cases=30_000,
                positives=600,
                metrics={"ap": float(rng.random()), "auroc": float(rng.random())},
            )
            for one in subjects
        },
    )


def phantom(rng: np.random.Generator, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Image and lesions of each subject, shared by all cells as real test images are."""
    at = np.linspace(-1, 1, size)
    inside = (at[:, None] ** 2 + at[None] ** 2) < 0.7
    found = []
    for _ in range(SUBJECTS):
        row, column = rng.uniform(-0.4, 0.4, 2)
        lesion = ((at[:, None] - row) ** 2 + (at[None] - column) ** 2) < 0.02
        grain = 0.5 + 0.1 * rng.normal(size=(size, size)) + 0.3 * lesion
        found.append((grain * inside, np.repeat((lesion & inside)[None], SLICES, axis=0)))
    return found


def a_prediction(
    rng: np.random.Generator, subject: str, image: np.ndarray, labels: np.ndarray
) -> SubjectPrediction:
    masks = np.repeat((image != 0)[None], SLICES, axis=0)
    maps = (rng.random(labels.shape) + 0.3 * labels).astype(np.float32)
    return SubjectPrediction(
        subject=subject,
        role="test",
        maps=maps,
        scores=maps.max(axis=(1, 2)),
        masks=masks,
        labels=labels,
        image_labels=labels.any(axis=(1, 2)),
        geometry=Geometry(
            (1.0, 1.0, 2.0), np.eye(4), np.eye(4), (240, 240, 155), np.arange(SLICES)
        ),
        preview=image.astype(np.float16),
    )


if __name__ == "__main__":
    main()
