"""How much of a lesion is left in ProxyAno's predicted proxy, and in what is rebuilt of it.

    bench suite parts
    python benchmarks/contrast.py [--results DIR] [--budget smoke]

On the tuning phantom's T2, with the fits that the suite kept. A lesion's contrast in an image is
its mean minus that of the rest of the foreground; the table has the sum of the contrasts in what
is made, divided by their sum in the images themselves. 1 keeps lesions. What leaves them out
altogether is below 0 where healthy tissue is darker there than the rest, as white matter is on T2.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

import bench
from bench.data.cache.folder import cache_dir
from bench.detector import BoolArray, Explains, FloatArray, Images
from bench.execution.fitted import load_fitted
from bench.execution.inputs import prepare_selection
from bench.planning.plan import make_plan
from bench.planning.request import RunArguments, check_request
from bench.store.store import Store

METHODS = ("proxyano", "proxyano-no-memory")
FITTED_FOR = "phantom-large/glioma-t2"  # any task on T2 has the same fits
TASKS = ("phantom-tune/glioma-t2", "phantom-tune/ms-t2")
SMALLEST = 5  # pixels of lesion in an image, below which its contrast is noise
SHOWN = ("proxy", "predicted proxy", "reconstruction")


def contrasts(images: FloatArray, masks: BoolArray, lesions: BoolArray) -> npt.NDArray[np.float64]:
    """Mean of the lesion minus mean of the rest of the foreground, (N,).

    Args:
        images: (N, 1, H, W).
        masks: (N, H, W).
        lesions: (N, H, W), within the masks; every image has one.
    """
    parts = zip(images[:, 0], masks, lesions, strict=True)
    return np.array([float(i[k].mean()) - float(i[m & ~k].mean()) for i, m, k in parts])


def shares(made: dict[str, FloatArray], images: Images, lesions: BoolArray) -> dict[str, float]:
    """Of each picture that a detector explains an image by, how much contrast is left in it."""
    whole = contrasts(images.images, images.masks, lesions).sum()
    return {
        name: float(contrasts(one, images.masks, lesions).sum() / whole)
        for name, one in made.items()
    }


def lesioned(task: str, budget: str) -> tuple[Images, BoolArray]:
    """A task's test images with enough of a lesion, and the lesions."""
    asked = check_request(RunArguments(method=["constant"], task=[task], budget=budget))
    (cell,) = make_plan(asked, data_dir=None, cache=cache_dir()).cells
    subjects = prepare_selection(cell.test, cell, cache_dir(), lambda *_: None, with_label=True)
    images, masks, lesions = (
        np.concatenate([getattr(one, name) for one in subjects])
        for name in ("images", "masks", "labels")
    )
    lesions = lesions & masks
    enough = lesions.sum(axis=(1, 2)) >= SMALLEST
    return Images(images[enough], masks[enough], "cpu"), lesions[enough]


def main() -> None:
    """Print the table of one budget."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=Path("results/runs"))
    parser.add_argument("--budget", default="smoke")
    asked = parser.parse_args()
    records = [
        one
        for one in bench.load_records(asked.results)
        if (one.task, one.budget, one.config) == (FITTED_FOR, asked.budget, {})
        and one.method in METHODS
    ]
    print(f"| task | images | method | seed | {' | '.join(SHOWN)} |")
    print(f"|---|---|---|---|{'---|' * len(SHOWN)}")
    for task in TASKS:
        images, lesions = lesioned(task, asked.budget)
        for one in sorted(records, key=lambda one: (one.method, one.seed)):
            detector = load_fitted(Store(asked.results), one, "cpu").detector
            assert isinstance(detector, Explains)
            found = shares(detector.explain(images), images, lesions)
            cells = " | ".join(f"{found[name]:.2f}" for name in SHOWN)
            print(f"| {task} | {len(images)} | `{one.method}` | {one.seed} | {cells} |")


if __name__ == "__main__":
    main()
