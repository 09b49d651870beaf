"""Speed and memory of the exact metrics beside scikit-learn, torchmetrics and anomalib.

    python benchmarks/metrics.py                  # 1e6 and 1e7 pixels, AUPRO of 100 maps
    python benchmarks/metrics.py --sizes 1e8 --maps 1000 --bootstrap
    .venv-anomalib/bin/python benchmarks/metrics.py        # with anomalib and torchmetrics

Every contender runs in a process of its own on the same arrays; extra memory is the peak above
what the process held before the call. What is not installed is named, not measured.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pair = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]
Call = Callable[[], list[float]]


class Measured(NamedTuple):
    """What one contender took and gave."""

    seconds: float
    busy: float
    mb: float
    values: list[float]


PREVALENCE = 0.01
SUBJECTS, RESAMPLES = 20, 1000


# --- data -------------------------------------------------------------------------------------


def pixels(size: int, ties: bool, seed: int = 0) -> Pair:
    generator = np.random.default_rng(seed)
    labels = generator.random(size, dtype=np.float32) < PREVALENCE
    scores = generator.standard_normal(size, dtype=np.float32)
    scores[labels] += 1.0
    if ties:
        np.round(scores, 2, out=scores)
    return labels, scores


def maps(number: int) -> Pair:
    from scipy import ndimage

    generator = np.random.default_rng(0)
    shape = (number, 256, 256)
    noise = generator.standard_normal(shape, dtype=np.float32)
    labels = ndimage.gaussian_filter(noise, (0, 8, 8)) > 0.07
    scores = ndimage.gaussian_filter(generator.standard_normal(shape, dtype=np.float32), (0, 3, 3))
    return labels, scores + np.float32(0.05) * labels


# --- contenders: each prepares its imports and gives the call that is measured ----------------


def ours(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Call:
    from bench.metrics import ap_and_auroc

    return lambda: [*ap_and_auroc(labels, scores)]


def scikit_learn(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Call:
    from sklearn.metrics import average_precision_score, roc_auc_score

    return lambda: [average_precision_score(labels, scores), roc_auc_score(labels, scores)]


def torchmetrics(
    labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32], thresholds: int | None = None
) -> Call:
    import torch

    binary = importlib.import_module("torchmetrics.functional.classification")
    given = torch.from_numpy(scaled(scores))
    truth = torch.from_numpy(labels).long()
    return lambda: [
        float(binary.binary_average_precision(given, truth, thresholds=thresholds)),
        float(binary.binary_auroc(given, truth, thresholds=thresholds)),
    ]


def torchmetrics_binned(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Call:
    return torchmetrics(labels, scores, thresholds=200)


def anomalib(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Call:
    """Its AUPR is the sum of steps since 2.7, so it is to equal average precision."""
    import torch

    pr = importlib.import_module("anomalib.metrics.aupr")
    roc = importlib.import_module("anomalib.metrics.auroc")
    given, truth = torch.from_numpy(scaled(scores)), torch.from_numpy(labels).int()

    def call() -> list[float]:
        values = []
        for metric in (pr._AUPR(), roc._AUROC()):
            metric.update(given, truth)
            values.append(float(metric.compute()))
        return values

    return call


def scaled(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """To 0 to 1, for torchmetrics and anomalib pass other scores through a sigmoid."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low)


def our_aupro(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Call:
    from bench.metrics import aupro

    return lambda: [aupro(labels, scores)]


def anomalib_aupro(labels: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> Call:
    import torch

    anomalib = importlib.import_module("anomalib.metrics.aupro")
    given, truth = torch.from_numpy(scores), torch.from_numpy(labels).int()

    def call() -> list[float]:
        metric = anomalib._AUPRO()
        metric.update(given, truth)
        return [float(metric.compute())]

    return call


RANKING = {
    "bench": ours,
    "scikit-learn": scikit_learn,
    "torchmetrics": torchmetrics,
    "torchmetrics, 200 bins": torchmetrics_binned,
    "anomalib": anomalib,
}
REGIONS = {"bench": our_aupro, "anomalib": anomalib_aupro}
PACKAGES = {"scikit-learn": "sklearn", "torchmetrics, 200 bins": "torchmetrics"}


# --- measuring --------------------------------------------------------------------------------


def worker(table: str, name: str, folder: Path, repeats: int) -> Measured:
    labels, scores = np.load(folder / "labels.npy"), np.load(folder / "scores.npy")
    call = (RANKING if table == "ranking" else REGIONS)[name](labels, scores)
    before = reset_peak()
    seconds: list[float] = []
    busy: list[float] = []
    values: list[float] = []
    for _ in range(repeats):
        start, started = time.perf_counter(), time.process_time()
        values = call()
        seconds.append(time.perf_counter() - start)
        busy.append(time.process_time() - started)
    return Measured(min(seconds), min(busy), (peak_kb() - before) / 1024, values)


def reset_peak() -> int:
    """Forget the peak so far where the system allows it; what the process holds now, in kB."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return status("VmRSS")


def peak_kb() -> int:
    return status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def status(key: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)


def measure(table: str, name: str, folder: str, repeats: int) -> Measured | None:
    if importlib.util.find_spec(PACKAGES.get(name, name)) is None:
        print(f"  {name:24s} not installed")
        return None
    done = subprocess.run(
        [sys.executable, __file__, "--worker", table, name, folder, str(repeats)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"  {name:24s} failed: {done.stderr.strip().splitlines()[-1][:120]}")
        return None
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def compare(title: str, table: str, data: Pair, repeats: int) -> None:
    print(title)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "labels.npy", data[0])
        np.save(Path(folder) / "scores.npy", data[1])
        del data
        mine = None
        for name in RANKING if table == "ranking" else REGIONS:
            found = measure(table, name, folder, repeats)
            if found is None:
                continue
            mine = mine or found
            values = ", ".join(f"{value:.12f}" for value in found.values)
            apart = max(abs(a - b) for a, b in zip(found.values, mine.values, strict=True))
            print(
                f"  {name:24s} {found.seconds:9.3f} s wall {found.busy:8.3f} s processor "
                f"{found.mb:9.1f} MB extra   "
                f"{found.seconds / mine.seconds:6.1f} x wall "
                f"{found.busy / mine.busy:6.1f} x processor "
                f"{found.mb / max(mine.mb, 0.1):6.1f} x memory   {values}   "
                f"{apart:.1e} apart",
                flush=True,
            )


def bootstrap(size: int) -> None:
    from bench.metrics.counts import RankingCounts
    from bench.metrics.ranking import AP
    from bench.stats.draws import subject_draws
    from bench.stats.intervals import logit_interval

    per = size // SUBJECTS
    print(f"bootstrap of pooled AP, {RESAMPLES} resamples, {SUBJECTS} subjects, {size:.0e} pixels")
    positives = {}
    for i in range(SUBJECTS):
        labels, scores = pixels(per, ties=False, seed=i)
        positives[str(i)] = scores[labels]
    start = time.perf_counter()
    counts, spent = RankingCounts(positives), time.perf_counter() - start
    for i in range(SUBJECTS):
        labels, scores = pixels(per, ties=False, seed=i)
        start = time.perf_counter()
        counts.add(str(i), labels, scores)
        spent += time.perf_counter() - start
    start = time.perf_counter()
    values = counts.resample(
        [AP], subject_draws([str(i) for i in range(SUBJECTS)], resamples=RESAMPLES)
    )[0]
    interval = logit_interval(counts.value(AP), values, SUBJECTS)
    took = time.perf_counter() - start
    print(
        f"  counting {spent:.1f} s, resampling {took:.1f} s, AP {counts.value(AP):.6f} {interval}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="*", default=[1e6, 1e7])
    parser.add_argument("--maps", type=int, default=100, help="maps of 256 x 256 for AUPRO")
    parser.add_argument("--bootstrap", action="store_true", help="20 subjects, the largest size")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        table, name, folder, repeats = options.worker
        print(json.dumps(worker(table, name, Path(folder), int(repeats))))
        return
    for size in (int(size) for size in options.sizes):
        for ties in (False, True):
            kind = "heavily tied" if ties else "continuous"
            title = f"AP and AUROC, {size:.0e} pixels, {PREVALENCE:.0%} positive, {kind} scores"
            compare(title, "ranking", pixels(size, ties), repeats=3 if size < 5e6 else 1)
    if options.maps:
        compare(f"AUPRO, {options.maps} maps of 256 x 256", "regions", maps(options.maps), 1)
    if options.bootstrap:
        bootstrap(int(max(options.sizes)))


if __name__ == "__main__":
    main()
