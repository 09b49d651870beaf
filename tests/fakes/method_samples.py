"""Small images and runs that the tests of the methods share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.cards import Budget
from bench.conformance.trial import made_up
from bench.detector import Images, NormalImages, Run


def normal_images(count=8, channels=1, size=32, seed=0) -> NormalImages:
    return NormalImages(*made_up(count, channels, size, seed=seed))


def images_to_test(count=4, channels=1, size=32, seed=1) -> Images:
    return Images(*made_up(count, channels, size, seed=seed))


def small_run(folder: Path, *, seed=0, steps=4, size=32, width=4, batch=4, **more) -> Run:
    budget = Budget(
        name="test",
        image_size=size,
        training_subjects=0,
        steps=steps,
        batch_size=batch,
        width=width,
        threads=1,
        seeds=1,
        timeout_minutes=5,
    )
    return Run(seed=seed, device="cpu", budget=budget, scratch=folder, **more)


def ellipse(size=32) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    return (rows / 0.45) ** 2 + (columns / 0.35) ** 2 < 1
