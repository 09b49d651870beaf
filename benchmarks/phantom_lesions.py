"""Compare the phantom's MS lesions with real ones in a figure: their load, sizes and places.

Statistics only; neither image nor mask is kept. The figure of datasets/PHANTOM.md is made by

    python benchmarks/phantom_lesions.py ../shared/data/mslub-masks datasets/figures/phantom-lesions.png
"""  # noqa: E501 - a command is one line

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import ndimage

from bench.data.cache.folder import cache_dir
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.read.volumes import read_volume
from bench.registry import dataset

# As in bench/data/phantom/brain/ms.py: lesions are 26-connected parts of at least 8 mm3.
SMALLEST_MM3 = 8.0
# The phantom's voxels; places are compared on this grid, around the middle of all lesions.
SPACING_MM = 2.0
HALF_WIDTH_MM = 80


@dataclass
class Patient:
    """One patient's lesions: their volumes (mm3) and the millimetres of all lesion voxels."""

    volumes: npt.NDArray[np.float64]
    places: npt.NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("masks", type=Path, help="folder of real masks in MNI space (*.nii.gz)")
    parser.add_argument("out", type=Path, help="PNG")
    arguments = parser.parse_args()
    real = [patient(path) for path in sorted(arguments.masks.glob("*.nii.gz"))]
    card = dataset("phantom")
    index = index_dataset(card, None, cache_dir())
    found = select(index, "test-ms", ["T1"], need_label=True).present
    made = [patient(one.label) for one in found if one.label and "ms" in one.subject]
    for name, group in (("real", real), ("phantom", made)):
        loads = [one.volumes.sum() / 1000 for one in group]
        sizes = np.concatenate([one.volumes for one in group])
        print(f"{name}: {len(group)} subjects, load {np.round(sorted(loads), 1)} ml, lesion volume")
        print(f"  25, 50, 75, 90 %: {np.percentile(sizes, [25, 50, 75, 90]).round()} mm3")
    draw(real, made, arguments.out)


def patient(path: Path) -> Patient:
    volume = read_volume(path)
    lesion = volume.data != 0
    parts, count = ndimage.label(lesion, np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:] * np.prod(volume.voxel_mm)
    index = np.argwhere(lesion)
    places = index @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    return Patient(np.asarray(sizes[sizes >= SMALLEST_MM3], dtype=np.float64), places)


def draw(real: list[Patient], made: list[Patient], out: Path) -> None:
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    figure.suptitle(
        f"MS lesions of {len(real)} MSLUB patients (masks, 1 mm) and of {len(made)} phantom"
        " subjects (2 mm)"
    )
    top, bottom = np.ravel(figure.subfigures(2, 1, height_ratios=(1, 1.15)))
    load, number, size = top.subplots(1, 3)
    for name, group, colour in (("MSLUB", real, "black"), ("phantom", made, "tab:red")):
        curve(load, [one.volumes.sum() / 1000 for one in group], name, colour)
        curve(number, [float(one.volumes.size) for one in group], name, colour)
        curve(size, np.concatenate([one.volumes for one in group]), name, colour)
    for axes, title in (
        (load, "load of a subject, ml"),
        (number, "lesions of a subject"),
        (size, "volume of a lesion, mm³"),
    ):
        axes.set(xscale="log", xlabel=title, ylabel="share below", ylim=(0, 1.02))
        axes.grid(alpha=0.3)
    load.legend(loc="lower right")
    grid = bottom.subplots(2, 3, sharex=True, sharey=True)
    for row, name, group in ((grid[0], "MSLUB", real), (grid[1], "phantom", made)):
        for axes, view in zip(row, ((0, 1), (0, 2), (1, 2)), strict=True):
            place(axes, group, view)
        row[0].set_ylabel(f"{name}\nmm")
    for axes, title in zip(grid[0], ("from above", "from the front", "from the left"), strict=True):
        axes.set_title(f"places, {title}", fontsize=10)
    for axes in grid[1]:
        axes.set_xlabel("mm")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80)


def curve(axes: Axes, values: npt.ArrayLike, name: str, colour: str) -> None:
    """The share of values below each."""
    ordered = np.sort(values)
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    axes.step(ordered, share, where="post", color=colour, label=name)


def place(axes: Axes, group: list[Patient], view: tuple[int, int]) -> None:
    """Mean over subjects of where the lesion voxels lie, seen along one axis."""
    middle = np.mean([one.places.mean(axis=0) for one in group], axis=0)
    edges = np.arange(-HALF_WIDTH_MM, HALF_WIDTH_MM + 1, 2 * SPACING_MM)
    maps = []
    for one in group:
        points = (one.places - middle)[:, list(view)]
        seen, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=(edges, edges))
        maps.append(seen / len(points))
    # The root, because most lesion voxels lie beside the ventricles.
    picture = np.sqrt(np.mean(maps, axis=0)).T
    axes.imshow(
        picture, origin="lower", cmap="magma", extent=(edges[0], edges[-1], edges[0], edges[-1])
    )


if __name__ == "__main__":
    main()
