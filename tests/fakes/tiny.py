"""A data set of tiny volumes: ellipsoid brains, one bright lesion in every second test subject."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from bench.cards import Budget, DatasetCard, MethodCard
from bench.planning.request import Request, TaskChoice
from bench.planning.settings import MethodChoice

SHAPE = (24, 28, 20)
AFFINE = np.array([[-4.0, 0, 0, 40], [0, 4.0, 0, -50], [0, 0, 4.0, -30], [0, 0, 0, 1]])

CARD = """
name = "tiny"
title = "Tiny ellipsoids"
version = 1
description = "Made by a test"
licence = "CC0-1.0"
citation = "none"
synthetic = true

[[layouts]]
name = "plain"
title = "one folder per subject"
label = "{subject}/lesion.nii.gz"
[layouts.images]
T1 = "{subject}/T1.nii.gz"
T2 = "{subject}/T2.nii.gz"

[splits.train]
subjects = ["n1", "n2", "n3"]
rule = "first"
[splits.validation]
subjects = ["n4"]
rule = "last"
[splits.test]
subjects = ["p1", "p2", "p3", "p4"]
rule = "all"

[preparation]
spacing_mm = [4, 4, 4]
grid = [32, 32, 24]

[tasks.t1]
title = "Tiny T1"
channels = ["T1"]
[tasks.t1-again]
title = "Tiny T1, another name"
channels = ["T1"]
[tasks.both]
title = "Tiny, two channels"
channels = ["T1", "T2"]
"""

BUDGET = Budget(
    name="tiny",
    image_size=32,
    training_subjects=0,
    steps=2,
    batch_size=4,
    width=4,
    threads=1,
    seeds=1,
    timeout_minutes=5,
)


def make_volumes(root: Path, name: str = "tiny") -> Path:
    """Write all subjects under root/name."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    brain = (grid**2).sum(axis=0) < 0.8
    for number, subject in enumerate(["n1", "n2", "n3", "n4", "p1", "p2", "p3", "p4"]):
        rng = np.random.default_rng(number)
        lesion = np.zeros(SHAPE, bool)
        if subject in ("p1", "p3"):
            lesion[10:14, 12:16, 8:12] = True
        folder = root / name / subject
        folder.mkdir(parents=True)
        for modality, contrast in (("T1", -40.0), ("T2", 60.0)):
            image = 100 + 20 * grid[0] + rng.normal(0, 3, SHAPE) + contrast * lesion
            write_volume(folder / f"{modality}.nii.gz", image * brain)
        write_volume(folder / "lesion.nii.gz", lesion.astype(np.uint8))
    return root / name


def write_volume(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    data = array.astype(np.uint8 if array.dtype == np.uint8 else np.float32)
    nib.save(nib.Nifti1Image(data, affine), path)


def card() -> DatasetCard:
    import tomllib

    return DatasetCard.model_validate(tomllib.loads(CARD))


def method(
    class_name: str, name: str | None = None, *, module: str = "detectors", **config: object
) -> MethodChoice:
    """A fake detector of `fakes.detectors`, or of another module there, as a chosen method."""
    made = MethodCard.model_validate(
        {
            "name": name or class_name.lower(),
            "title": class_name,
            "class": f"fakes.{module}:{class_name}",
            "version": 1,
            "family": "trivial",
            "description": "a fake",
            "config": config,
        }
    )
    return MethodChoice(card=made, settings={}, config=config)


def request(
    *methods: MethodChoice,
    tasks: tuple[str, ...] = ("t1",),
    seeds: int = 1,
    budget: Budget = BUDGET,
) -> Request:
    one = card()
    return Request(
        methods=methods,
        tasks=tuple(
            TaskChoice(name=f"tiny/{name}", dataset=one, task=one.tasks[name], train_on=one)
            for name in tasks
        ),
        budget=budget,
        seeds=seeds,
    )


def write_card(folder: Path) -> None:
    """Put the card where `bench` started in `folder` finds it."""
    (folder / "datasets").mkdir(parents=True)
    (folder / "datasets" / "tiny.toml").write_text(CARD)


def without_yardsticks(arguments: Sequence[object]) -> list[str]:
    """The words of a command; tests of runs count the cells that they name themselves."""
    words = [str(one) for one in arguments]
    silent = words[:1] in (["run"], ["plan"]) and "--yardsticks" not in words
    return [*words, "--no-yardsticks"] if silent else words


def bench(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in `folder` as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *without_yardsticks(arguments)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
