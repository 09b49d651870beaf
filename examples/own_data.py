"""Run a method on data of your own.

    python examples/own_data.py

A data set is one card, ``./datasets/<name>.toml``, that says where files lie and what they mean,
and a folder with the files. Here the files are made up: balls with a bright spot.
"""

from pathlib import Path

import nibabel as nib
import numpy as np

import bench

CARD = """
name = "balls"
title = "Balls with bright spots"
version = 1
description = "Made by an example"
licence = "CC0-1.0"
citation = "none"
synthetic = true

[[layouts]]
name = "plain"
title = "one folder per subject"
images = { T2 = "{subject}/T2.nii.gz" }
label = "{subject}/lesion.nii.gz"

[splits.train]
subjects = ["normal-1", "normal-2", "normal-3"]
rule = "normal"
[splits.test]
subjects = ["patient-1", "patient-2", "normal-4"]
rule = "patients, and one normal subject to tell them from"

[preparation]
spacing_mm = [4.0, 4.0, 4.0]
grid = [32, 32, 32]

[tasks.t2]
title = "Balls T2"
channels = ["T2"]
"""


def write_subject(folder: Path, seed: int, *, lesion: bool) -> None:
    """A ball of noise, with a brighter one inside."""
    x, y, z = np.meshgrid(*3 * [np.arange(-14, 14)], indexing="ij")
    ball = x**2 + y**2 + z**2 < 12**2
    spot = ((x - 4) ** 2 + y**2 + z**2 < 9) & lesion
    image = np.random.default_rng(seed).normal(100, 5, ball.shape) + 30 * spot
    folder.mkdir(parents=True, exist_ok=True)
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    for name, array in (
        ("T2", (image * ball).astype(np.float32)),
        ("lesion", spot.astype(np.uint8)),
    ):
        volume = nib.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
        nib.save(volume, folder / f"{name}.nii.gz")


if __name__ == "__main__":
    Path("datasets").mkdir(exist_ok=True)
    Path("datasets/balls.toml").write_text(CARD)
    names = [*(f"normal-{i}" for i in range(1, 5)), "patient-1", "patient-2"]
    for seed, name in enumerate(names):
        write_subject(Path("data/balls") / name, seed, lesion=name.startswith("patient"))

    plan = bench.plan_run("gaussian", dataset="balls", budget="smoke", data_dir="data")
    print(plan[["task", "method", "seed", "state"]])
    bench.run("gaussian", dataset="balls", budget="smoke", data_dir="data")
    results = bench.load_results(protocol="pixel-pooled@1")
    print(results[["method", "metric", "value", "prevalence", "subjects"]])
