"""Draw input, truth and anomaly maps of several methods side by side.

    python examples/own_figure.py                             # a small run, drawn to lineup.png
    python examples/own_figure.py random ae proxyano          # these methods

Maps are smoothed and made absolute as the protocol pixel-pooled@2 does. Every method has its own
colour scale: from its median to its 99.5th percentile over the foreground of the image shown.
"""

import sys

import matplotlib as mpl
import numpy as np

import bench

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from scipy.ndimage import gaussian_filter

METHODS = sys.argv[1:] or ["random", "intensity", "gaussian"]
BUDGET = "smoke"
CARD = "phantom-fresh" if sys.argv[1:] else "phantom"
TASKS = [f"{CARD}/glioma-t1", f"{CARD}/glioma-t2"]
SMOOTHING = 0.04  # of the image's side


def scored(map_: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A map as the protocol ranks it: averaged within the foreground, then without its sign."""
    sd = SMOOTHING * max(mask.shape)
    total, weight = (gaussian_filter(one.astype(float), sd) for one in (map_ * mask, mask))
    return np.where(mask, np.abs(total / np.maximum(weight, 1e-9)), np.nan)


def shown(record: bench.Record) -> dict[str, np.ndarray]:
    """Input, truth and smoothed map of the image with the largest lesion of all subjects."""
    best, largest = {}, -1
    for subject in bench.read_predictions(record):
        # These tasks have labels, the methods maps, and test images a preview.
        assert subject.labels is not None
        assert subject.maps is not None
        assert subject.preview is not None
        areas = subject.labels.sum(axis=(1, 2))
        if areas.max() > largest:
            at = int(areas.argmax())
            largest = areas[at]
            best = {
                "input": np.where(subject.masks[at], subject.preview, np.nan),
                "lesion": np.where(subject.masks[at], subject.labels[at], np.nan),
                "map": scored(subject.maps[at], subject.masks[at]),
            }
    return best


if __name__ == "__main__":
    records = bench.run(METHODS, task=TASKS, budget=BUDGET)
    cells = {(one.task, one.method): shown(one) for one in records if one.status == "done"}
    columns = ["input", "lesion", *METHODS]
    figure, axes = plt.subplots(
        len(TASKS), len(columns), figsize=(1.5 * len(columns), 1.6 * len(TASKS)), squeeze=False
    )
    for row, task in enumerate(TASKS):
        for at, name in enumerate(columns):
            axis = axes[row, at]
            axis.axis("off")
            cell = cells[task, METHODS[0] if name in ("input", "lesion") else name]
            if name == "input":
                axis.imshow(cell[name], cmap="gray")
            elif name == "lesion":
                axis.imshow(cell[name], cmap=ListedColormap(["lightgray", "crimson"]))
            else:
                low, high = np.nanpercentile(cell["map"], [50, 99.5])
                axis.imshow(cell["map"], cmap="inferno", vmin=low, vmax=max(high, low + 1e-6))
            if row == 0:
                axis.set_title(name, fontsize=10)
        axes[row, 0].text(-0.1, 0.5, task.split("/")[1], transform=axes[row, 0].transAxes,
                          rotation=90, va="center", ha="right", fontsize=10)  # fmt: skip
    figure.tight_layout(pad=0.3)
    figure.savefig("lineup.png", dpi=110, facecolor="white")
    print("written: lineup.png")
