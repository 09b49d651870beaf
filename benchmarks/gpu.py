"""What the budget `paper` costs on a GPU: hours, memory, and whether a seed repeats its bytes.

    python benchmarks/gpu.py [METHOD ...] [--steps 20] [--size 224] [--width 64] [--batch 8]
                             [--seconds 300] [--device cuda]

Each method is fitted on made-up images with one seed: once to warm up, once timed, once to be
compared, always for the same few steps. Printed are optimiser steps per second; the hours that the
budget's steps take at that pace (training alone: superpixels and banks of features are made once a
fit, and stand in `fit s`); the peak of the GPU's memory in the fit and in the prediction of 64
images; milliseconds per image; and whether the two fits predict the same bytes, or by how much of
the maps' range they differ.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import registry
from bench.cards import Budget
from bench.conformance.trial import made_up
from bench.cores import usable_cores
from bench.detector import Detector, Images, NormalImages, Prediction, Run

HEAD = (
    "| method | steps/s | fit s | hours of {steps:,} steps"
    " | fit MB | predict MB | ms/image | two fits |"
)
IMAGES = 64
WITHOUT_TRAINING = {"none", "low"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "methods", nargs="*", help="default: all that are trained, without anomalib's"
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=300, help="no method is started later")
    options = parser.parse_args()
    names = options.methods or trained()
    print(HEAD.format(steps=registry.load_budgets()["paper"].steps))
    print("| --- " * (HEAD.count("|") - 1) + "|", flush=True)
    ends = time.monotonic() + options.seconds
    for name in names:
        late = time.monotonic() > ends
        print(f"| `{name}` | not started |" if late else line(name, options), flush=True)


def trained() -> list[str]:
    """The methods of this package that have something to fit."""
    return [
        name
        for name, card in registry.load_methods().items()
        if card.cost not in WITHOUT_TRAINING and "anomalib" not in card.extras
    ]


def line(name: str, options: argparse.Namespace) -> str:
    """A line of the table."""
    found = measured(name, options)
    return (
        f"| `{name}` | {found['pace']:.1f} | {found['fit']:.1f} | {found['hours']:.2f}"
        f" | {found['fit_mb']:.0f} | {found['predict_mb']:.0f} | {found['ms']:.1f}"
        f" | {found['same']} |"
    )


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Two fits and two predictions of one method."""
    paper = registry.load_budgets()["paper"]
    budget = paper.model_copy(
        update={
            "image_size": options.size,
            "steps": options.steps,
            "width": options.width,
            "batch_size": options.batch,
        }
    )
    normal = NormalImages(*made_up(IMAGES, 1, options.size, seed=0))
    images = Images(*made_up(IMAGES, 1, options.size, seed=1), options.device)
    logging.disable()  # what each training says of its precision
    fit(name, normal, budget, options.device)
    forget_peak()
    detector, seconds, pace = fit(name, normal, budget, options.device)
    fit_mb = peak_mb()
    detector.predict(images)  # warms up
    forget_peak()
    begun = time.perf_counter()
    first = detector.predict(images)
    predicted = time.perf_counter() - begun
    predict_mb = peak_mb()
    again, _, _ = fit(name, normal, budget, options.device)
    return {
        "pace": pace,
        "fit": seconds,
        "hours": paper.steps / pace / 3600,
        "fit_mb": fit_mb,
        "predict_mb": predict_mb,
        "ms": 1000 * predicted / IMAGES,
        "same": compared(first, again.predict(images)),
    }


def fit(
    name: str, normal: NormalImages, budget: Budget, device: str
) -> tuple[Detector, float, float]:
    """A fitted detector, the seconds of its fit, and the pace of its last half of steps."""
    from bench.execution.seeding import prepare_environment, seed_everything

    prepare_environment(device, None)
    threads = min(budget.threads, usable_cores())
    seed_everything(0, threads=threads, device=device)
    card = registry.method(name)
    detector = registry.load_class(card)(registry.resolve_config(card, {}))
    at: dict[int, float] = {}

    def progress(done: int, total: int, note: str = "") -> None:
        if total == budget.steps:
            at[done] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        run = Run(seed=0, device=device, budget=budget, scratch=Path(folder), progress=progress)
        begun = time.perf_counter()
        detector.fit(normal, run)
        seconds = time.perf_counter() - begun
    first, last = min(at, default=0), max(at, default=0)
    pace = (last - first) / (at[last] - at[first]) if last > first else budget.steps / seconds
    return detector, seconds, pace


def compared(first: Prediction, second: Prediction) -> str:
    """That the bytes are the same, or the largest difference as a share of the range."""
    one, two = (found.scores if found.maps is None else found.maps for found in (first, second))
    if one.tobytes() == two.tobytes():
        return "same bytes"
    return f"differ by {100 * float(np.abs(one - two).max() / np.ptp(one)):.2g} %"


def forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_mb() -> float:
    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0


if __name__ == "__main__":
    main()
