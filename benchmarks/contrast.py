"""How much of a lesion is left in ProxyAno's predicted proxy, and in what is rebuilt of it.

And how far both are from images without a lesion: whether the second module brings back detail.

    bench suite parts
    python benchmarks/contrast.py [--results DIR] [--budget smoke]

On the tuning phantom's T2, with the fits that the suite kept. A lesion's contrast in an image is
its mean minus that of the rest of the foreground; the table has the sum of the contrasts in what
is made, divided by their sum in the images themselves. 1 keeps lesions. What leaves them out
altogether is below 0 where healthy tissue is darker there than the rest, as white matter is on T2.
The error is the mean absolute difference from images without a lesion, over their foreground.
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


def errors(made: dict[str, FloatArray], images: Images) -> dict[str, float]:
    """Of each picture that a detector explains an image by, how far it is from the image.

    Returns:
        Mean absolute difference over the foreground of all images, in the images' units.
    """
    inside = images.masks[:, None]
    return {
        name: float(np.abs(one - images.images)[inside].mean(dtype=np.float64))
        for name, one in made.items()
    }


def test_images(task: str, budget: str) -> tuple[Images, BoolArray, Images]:
    """A task's test images with enough of a lesion, the lesions, and the images without one."""
    asked = check_request(RunArguments(method=["constant"], task=[task], budget=budget))
    (cell,) = make_plan(asked, data_dir=None, cache=cache_dir()).cells
    subjects = prepare_selection(cell.test, cell, cache_dir(), lambda *_: None, with_label=True)
    images, masks, lesions = (
        np.concatenate([getattr(one, name) for one in subjects])
        for name in ("images", "masks", "labels")
    )
    lesions = lesions & masks
    sizes = lesions.sum(axis=(1, 2))
    enough, none = sizes >= SMALLEST, (sizes == 0) & masks.any(axis=(1, 2))
    return (
        Images(images[enough], masks[enough], "cpu"),
        lesions[enough],
        Images(images[none], masks[none], "cpu"),
    )


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
    columns = [f"{name}: {what}" for what in ("contrast", "error") for name in SHOWN]
    print(f"| task | images, normal | method | seed | {' | '.join(columns)} |")
    print(f"|---|---|---|---|{'---|' * len(columns)}")
    for task in TASKS:
        images, lesions, normal = test_images(task, asked.budget)
        for one in sorted(records, key=lambda one: (one.method, one.seed)):
            detector = load_fitted(Store(asked.results), one, "cpu").detector
            assert isinstance(detector, Explains)
            left = shares(detector.explain(images), images, lesions)
            off = errors(detector.explain(normal), normal)
            cells = [f"{left[name]:.2f}" for name in SHOWN]
            cells += [f"{off[name]:.3f}" for name in SHOWN]
            count = f"{len(images)}, {len(normal)}"
            print(f"| {task} | {count} | `{one.method}` | {one.seed} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
