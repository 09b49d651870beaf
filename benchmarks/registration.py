"""What `bench data register` changes: how brains lie, and what methods find then.

    bench data register ixi ...                       # each data set first; writes its card
    python benchmarks/registration.py space --data-dir DIR [--figure FILE]
    python benchmarks/registration.py tasks --data-dir DIR [--results DIR] [--methods NAME ...]
        [--tasks DATASET/TASK ...] [--budget quick] [--device auto] [--seeds 1] [--jobs 1]

`space` compares brains before and after: overlap of their masks with the template's (as stored,
with the centres put together as preparation does, registered), how far the ventricles' centres are
from their mean, and the processor time of a volume. `tasks` runs methods (by default those that
cost little, on T1 of MSLUB and BraTS, which both learn from IXI) with the files as they are and
registered, and says how much of what scores highest lies at the brain's rim; over several seeds,
means. Run it where the cards of the registered data sets are; T1 tasks learn from `ixi-mni` in
them. Its tables are all that must be kept of a run on another machine.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import bench
from bench import registry
from bench.cards import ProtocolCard
from bench.data.cache.folder import cache_dir
from bench.data.files import SubjectFiles
from bench.data.find.index import index_dataset
from bench.data.find.registration import TABLE
from bench.data.read.background import background_of, is_foreground
from bench.data.read.labels import read_volume_labels
from bench.data.read.volumes import read_mask, read_volume
from bench.data.register.affine import Template, dice, onto, to_itk

NAMES = ("ixi", "oasis1-healthy", "mslub", "brats2021")
TASKS = ("mslub/t1", "brats2021/t1")
METHODS = ("random", "constant", "equalized", "gaussian", "pca", "knn-patches")
GRID_MM = 2
DEEP_MM = 20
"""Ventricles are looked for at least so far from the brain's surface."""
NEAR_MM = 45
"""Nor farther from the centre of the brain's mask."""
DARK = 0.6
"""Of the brain's median brightness; what is darker on T1 is fluid."""
VOLUMES = "volume-median@1"
RIM = 3
"""Pixels of an image; as wide as `VOLUMES` cuts off."""
RIMLESS = ProtocolCard(
    name="pooled-rimless",
    version=1,
    title="smoothed pixels, pooled, without the rim",
    description="As pixel-pooled@2, with the foreground eroded within each slice.",
    level="pixel",
    pool="pooled",
    smoothing=0.04,
    absolute="after",
    erosion=RIM,
    erosion_dimensions=2,
    metrics=["ap", "auroc"],
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Brain:
    """A subject on the template's grid: values, brain mask, label (all (X, Y, Z))."""

    image: Array
    mask: Array
    label: Array

    @property
    def ventricles(self) -> Array:
        """What is dark near the middle of the brain and deep in it, without lesions."""
        deep = ndimage.distance_transform_edt(self.mask) * GRID_MM > DEEP_MM
        index = np.stack(np.indices(self.mask.shape), axis=-1)
        middle = np.argwhere(self.mask).mean(axis=0)
        near = np.linalg.norm(index - middle, axis=-1) * GRID_MM < NEAR_MM
        dark = self.image < DARK * np.median(self.image[self.mask])
        return np.asarray(deep & near & dark & ~self.label)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["space", "tasks"])
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--results", type=Path, default=Path("results/registration"))
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--budget", default="quick")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.what == "space":
        space(options.data_dir, options.figure)
    else:
        tasks(options)


# --- how brains lie -------------------------------------------------------------------------------


def space(data_dir: Path, figure: Path | None) -> None:
    template = Template.load(GRID_MM)
    means = {}
    print("| data set | subjects | Dice as stored | centred | registered "
          "| ventricles, mm from their mean: centred | registered "
          "| Dice between ventricles: centred | registered | CPU s per volume |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in NAMES:
        subjects = {one.subject: one for one in files_of(f"{name}-mni", data_dir)}
        raw = [one for one in files_of(name, data_dir) if one.subject in subjects]
        stored = [dice(placed(one, template, centred=False).mask, template.mask) for one in raw]
        before = [placed(one, template, centred=True) for one in raw]
        after = [placed(one, template, centred=False) for one in subjects.values()]
        overlaps = [[dice(one.mask, template.mask) for one in side] for side in (before, after)]
        spreads = [spread([one.ventricles for one in side]) for side in (before, after)]
        cells = [name, str(len(raw)), span(stored), *map(span, overlaps)]
        cells += [f"{one[0]:.1f}" for one in spreads] + [f"{one[1]:.2f}" for one in spreads]
        print("| " + " | ".join([*cells, f"{cost(data_dir / f'{name}-mni', subjects):.1f}"]) + " |")
        means[f"{name} ({len(raw)})"] = [mean_brain(before), mean_brain(after)]
    if figure is not None:
        draw(figure, means, template)


def files_of(name: str, data_dir: Path) -> list[SubjectFiles]:
    index = index_dataset(registry.dataset(name), data_dir, cache_dir())
    return [one for one in index.subjects.values() if "T1" in one.paths]


def placed(files: SubjectFiles, template: Template, *, centred: bool) -> Brain:
    """A subject on the template's grid, moved at most."""
    import SimpleITK as sitk  # `tasks` also runs where it is not installed

    volume = read_volume(files.paths["T1"])
    if files.mask is not None:
        mask = np.asarray(read_mask(files.mask, volume).data)
    else:
        mask = is_foreground(volume.data.astype(np.float32), background_of(volume.slabs))
    label = np.zeros(volume.shape, dtype=np.bool_)
    if files.labels:
        label = np.asarray(read_volume_labels(files.labels, files.values, volume)[0].data)
    move = sitk.TranslationTransform(3)
    if centred:
        shift = centre(mask, volume.affine) - centre(template.mask, template.affine)
        move.SetOffset((shift * (-1, -1, 1)).tolist())  # ITK's axes are LPS
    image = np.where(mask, volume.data, 0).astype(np.float32)
    return Brain(
        onto(to_itk(image, volume.affine), move, template, label=False),
        onto(to_itk(mask.astype(np.uint8), volume.affine), move, template, label=True) > 0,
        onto(to_itk(label.astype(np.uint8), volume.affine), move, template, label=True) > 0,
    )


def centre(mask: Array, affine: Array) -> Array:
    """The centre of mass in millimetres."""
    return np.asarray(affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + affine[:3, 3])


def spread(ventricles: list[Array]) -> tuple[float, float]:
    """Root mean square distance of centres from their mean in mm, and mean Dice of all pairs."""
    found = [one for one in ventricles if one.any()]
    centres = np.array([np.argwhere(one).mean(axis=0) * GRID_MM for one in found])
    apart = np.linalg.norm(centres - centres.mean(axis=0), axis=1)
    pairs = [dice(one, other) for at, one in enumerate(found) for other in found[at + 1 :]]
    return float(np.sqrt((apart**2).mean())), statistics.fmean(pairs)


def span(values: list[float]) -> str:
    return f"{statistics.fmean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def cost(folder: Path, subjects: dict[str, SubjectFiles]) -> float:
    """Mean processor seconds of a volume, from the table of the registration."""
    with (folder / TABLE).open(newline="", encoding="utf-8") as handle:
        spent = {row["subject"]: float(row["seconds"] or 0) for row in csv.DictReader(handle)}
    volumes = sum(len(one.paths) for one in subjects.values())
    return sum(spent[name] for name in subjects) / volumes


def mean_brain(brains: list[Brain]) -> Array:
    """The mean of all brains, each divided by its median."""
    return np.mean([one.image / np.median(one.image[one.mask]) for one in brains], axis=0)


def draw(path: Path, means: dict[str, list[Array]], template: Template) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.1 * len(means), 5.2), layout="constrained")
    axes = figure.subplots(2, len(means))
    level = template.mask.shape[2] // 2 + 2
    for column, (name, sides) in enumerate(means.items()):
        for row, (image, what) in enumerate(zip(sides, ("centred", "registered"), strict=True)):
            one = axes[row][column]
            one.imshow(image[:, :, level].T, cmap="gray", origin="lower", vmin=0, vmax=1.5)
            one.contour(template.mask[:, :, level].T, [0.5], colors="lime", linewidths=0.7)
            one.set_title(f"{name}, {what}", fontsize=8)
            one.axis("off")
    figure.suptitle("Mean T1 brain; green: outline of the template's", fontsize=9)
    figure.savefig(path, dpi=110)


# --- what methods find ----------------------------------------------------------------------------


def tasks(options: argparse.Namespace) -> None:
    pairs = [(one, one.replace("/", "-mni/")) for one in options.tasks]
    names = list(itertools.chain.from_iterable(pairs))
    records = bench.run(
        options.methods,
        task=names,
        budget=options.budget,
        seeds=options.seeds,
        device=options.device,
        jobs=options.jobs,
        data_dir=options.data_dir,
        results=options.results,
        progress=True,
    )
    for one in records:
        if one.status != "done":
            print(f"left out: {one.task}, {one.method}, seed {one.seed}: {one.status}")
    done = [one for one in records if one.status == "done"]
    found: dict[tuple[str, str], list[list[float]]] = {}
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        numbers = pool.map(measured, done, itertools.repeat(options.results))
        for one, values in zip(done, numbers, strict=True):
            found.setdefault((one.task, one.method), []).append(values)
    ids = ["`pixel-pooled@2`", f"`{RIMLESS.id}`", f"`{VOLUMES}`", "false alarms at the rim, %"]
    for raw, registered in pairs:
        print(f"\n{raw}, budget {options.budget}, seeds {options.seeds}\n")
        print("| " + " | ".join(["as it is → registered", *ids, "pixels at the rim, %"]) + " |")
        print("|---" * (len(ids) + 2) + "|")
        for method in options.methods:
            if (raw, method) in found and (registered, method) in found:
                before, after = (averages(found[one, method]) for one in (raw, registered))
                cells = [f"{a} → {b}" for a, b in zip(before, after, strict=True)]
                print("| " + " | ".join([f"`{method}`", *cells]) + " |")


def measured(record: bench.Record, results: Path) -> list[float]:
    """AP by three protocols, then the shares at the rim; all in percent."""
    protocols = ("pixel-pooled@2", RIMLESS, VOLUMES)
    found = [bench.apply_protocol(one, record, results=results).metrics["ap"] for one in protocols]
    found += rim_shares(bench.read_predictions(record, results=results))
    return [100 * one for one in found]


def averages(seeds: Sequence[Sequence[float]]) -> list[str]:
    """The means over seeds, with the range of AP where there are several."""
    texts = []
    for column, values in enumerate(zip(*seeds, strict=True)):
        digits = 1 if column < 3 else 0
        text = f"{statistics.fmean(values):.{digits}f}"
        if len(values) > 1 and column < 3:
            text += f" ({min(values):.1f} to {max(values):.1f})"
        texts.append(text)
    return texts


def rim_shares(predictions: Iterator[bench.SubjectPrediction]) -> tuple[float, float]:
    """Of the normal pixels among the highest, and among all, how many lie at the rim.

    As many pixels count as highest as there are lesion pixels in the foreground.
    """
    values, lesions, rims = [], [], []
    for one in predictions:
        assert one.labels is not None
        assert one.unsigned_maps is not None
        inner = np.stack([ndimage.binary_erosion(mask, iterations=RIM) for mask in one.masks])
        values.append(one.unsigned_maps[one.masks])
        lesions.append(one.labels[one.masks])
        rims.append(~inner[one.masks])
    score, lesion, rim = map(np.concatenate, (values, lesions, rims))
    highest = np.zeros_like(lesion)
    highest[np.argpartition(-score, int(lesion.sum()))[: int(lesion.sum())]] = True
    return float(rim[highest & ~lesion].mean()), float(rim[~lesion].mean())


if __name__ == "__main__":
    main()
