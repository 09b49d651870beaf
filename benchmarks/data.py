"""Speed of preparing volumes and of serving their slices to training, against the usual loops.

All do the same work on the same files, in one process, in one run: read image and brain mask,
canonical axes, percentiles of the brain to 0 and 1, resample to one grid of slices, and serve every
slice once per epoch in batches of 16 as torch tensors. Cold is the first epoch from nothing, warm
any later one. All numbers are processor time of this process, without imports: one thread, no
workers of a loader.

    python benchmarks/data.py --data-dir ../shared/data            # IXI T1, with brain masks
    python benchmarks/data.py                                      # the embedded phantom
    PYTHONPATH=FOLDER_WITH_MONAI python benchmarks/data.py ...      # with MONAI's datasets
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from bench.cards import Preparation
from bench.data.cache.folder import cache_dir
from bench.data.files import SubjectFiles
from bench.data.find.index import index_dataset
from bench.data.find.selection import select
from bench.data.prepare.subject import PreparationRequest, prepare_subject, stack_subjects
from bench.registry import dataset

BATCH = 16
EPOCHS = 3
Batches = Iterator[torch.Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--json", type=Path, help="write the numbers there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="monai")
    files, preparation = subjects(arguments.data_dir, arguments.subjects)
    peers: dict[str, Callable[[Path], Callable[[], Batches]]] = {
        "bench": lambda place: ours(files, preparation, arguments.size, place),
        "nibabel + DataLoader": lambda _: plain(files, preparation, arguments.size),
    }
    if importlib.util.find_spec("monai") is not None:
        for module in ("monai.data", "monai.transforms"):
            importlib.import_module(module)  # not part of what is measured
        for name in ("CacheDataset", "PersistentDataset"):
            peers[f"MONAI {name}"] = lambda place, name=name: monai(
                name, files, preparation, arguments.size, place
            )
    else:
        print("MONAI is not installed, so its datasets are left out: pip install monai")
    rows = [measure(name, start) for name, start in peers.items()]
    report(rows, len(files))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def subjects(data_dir: Path | None, count: int) -> tuple[Sequence[SubjectFiles], Preparation]:
    card = dataset("ixi" if data_dir else "phantom")
    index = index_dataset(card, data_dir, cache_dir())
    found = select(index, "train", ["T1"], need_label=False).present[:count]
    preparation = dataset("mslub" if data_dir else "phantom").preparation
    if not isinstance(preparation, Preparation):
        raise TypeError("volumes only")
    for one in found:  # so that no one pays for the first reading from the disk
        for path in one.files:
            path.read_bytes()
    return found, preparation


def measure(name: str, start: Callable[[Path], Callable[[], Batches]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        epoch = start(Path(folder))
        images = sum(len(batch) for batch in epoch())
        cold = time.process_time() - begin
        warm = []
        for _ in range(EPOCHS):
            begin = time.process_time()
            again = sum(len(batch) for batch in epoch())
            warm.append(again / (time.process_time() - begin))
    return {"name": name, "images": images, "cold_s": cold, "warm": statistics.median(warm)}


def report(rows: Sequence[dict[str, Any]], count: int) -> None:
    own = rows[0]
    print(f"{'':24}{'cold s/subject':>16}{'images':>8}{'warm images/s':>16}{'cold':>8}{'warm':>9}")
    for row in rows:
        print(
            f"{row['name']:24}{row['cold_s'] / count:16.3f}{row['images']:8d}{row['warm']:16.0f}"
            f"{row['cold_s'] / own['cold_s']:7.2f}x{own['warm'] / row['warm']:8.1f}x"
        )
    print("cold, warm: how many times faster bench is")


# --- bench ------------------------------------------------------------------------------------


def ours(
    files: Sequence[SubjectFiles], preparation: Preparation, size: int, place: Path
) -> Callable[[], Batches]:
    request = PreparationRequest(["T1"], preparation, size)
    prepared = [prepare_subject(one, request, place) for one in files]
    images, _ = stack_subjects(prepared, place)
    order = np.random.default_rng(0)

    def epoch() -> Batches:
        places = order.permutation(len(images))
        for start in range(0, len(places), BATCH):
            yield torch.from_numpy(images[np.sort(places[start : start + BATCH])])

    return epoch


# --- nibabel and a DataLoader -----------------------------------------------------------------


class Volumes(Dataset[torch.Tensor]):
    """Reads and prepares a volume whenever it is asked for, as most published code does."""

    def __init__(self, files: Sequence[SubjectFiles], preparation: Preparation, size: int) -> None:
        self.files, self.preparation, self.size = files, preparation, size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> torch.Tensor:
        one = self.files[number]
        image = nibabel.as_closest_canonical(nibabel.load(one.paths["T1"]))
        values = np.asarray(image.dataobj, dtype=np.float32)
        if one.mask is not None:
            mask = np.asarray(nibabel.as_closest_canonical(nibabel.load(one.mask)).dataobj) > 0
        else:
            mask = values != 0
        low, high = np.percentile(values[mask], self.preparation.percentiles)
        scaled = torch.from_numpy(np.where(mask, (values - low) / (high - low), 0))
        # Around the mask's centre of mass onto the common grid, axial slices first.
        centre = np.array(np.nonzero(mask)).mean(axis=1)
        voxel = np.asarray(image.header.get_zooms()[:3])
        extent = np.multiply(self.preparation.grid, self.preparation.spacing_mm) / voxel
        shape = np.array(values.shape)
        theta = np.zeros((1, 3, 4), np.float32)
        for axis in range(3):
            theta[0, axis, axis] = extent[axis] / shape[axis]
            theta[0, axis, 3] = 2 * (centre[axis] + 0.5) / shape[axis] - 1
        volume = scaled.permute(2, 1, 0)[None, None].float()
        depth = self.preparation.grid[2]
        grid = functional.affine_grid(
            torch.from_numpy(theta),
            [1, 1, depth, self.size, self.size],
            align_corners=False,
        )
        return functional.grid_sample(volume, grid, align_corners=False)[0, 0]


def plain(
    files: Sequence[SubjectFiles], preparation: Preparation, size: int
) -> Callable[[], Batches]:
    return lambda: sliced(DataLoader(Volumes(files, preparation, size), batch_size=None))


def sliced(volumes: Iterable[torch.Tensor]) -> Batches:
    """Batches of slices with at least 5 % foreground, of volumes (slice, row, column)."""
    for volume in volumes:
        kept = volume[(volume != 0).float().mean(dim=(1, 2)) >= 0.05]
        for batch in kept.split(BATCH):
            yield batch[:, None]


# --- MONAI ------------------------------------------------------------------------------------


def monai(
    name: str, files: Sequence[SubjectFiles], preparation: Preparation, size: int, place: Path
) -> Callable[[], Batches]:
    from monai import data, transforms

    keys = ["image", "mask"] if files[0].mask is not None else ["image"]
    steps: list[Any] = [
        transforms.LoadImaged(keys=keys, ensure_channel_first=True),
        transforms.Orientationd(keys=keys, axcodes="RAS"),
    ]
    if "mask" in keys:
        steps.append(transforms.MaskIntensityd(keys="image", mask_key="mask"))
    steps += [
        transforms.ScaleIntensityRangePercentilesd(
            keys="image", lower=preparation.percentiles[0], upper=preparation.percentiles[1],
            b_min=0, b_max=1,
        ),
        transforms.CropForegroundd(keys="image", source_key=keys[-1], allow_smaller=True),
        transforms.Spacingd(keys="image", pixdim=preparation.spacing_mm, mode="bilinear"),
        transforms.ResizeWithPadOrCropd(keys="image", spatial_size=preparation.grid),
        transforms.Resized(
            keys="image", spatial_size=(size, size, preparation.grid[2]), mode="trilinear"
        ),
        transforms.SelectItemsd(keys="image"),
    ]  # fmt: skip
    content = [
        {"image": str(one.paths["T1"]), **({"mask": str(one.mask)} if one.mask else {})}
        for one in files
    ]
    chain = transforms.Compose(steps)
    if name == "CacheDataset":
        made: Any = data.CacheDataset(content, chain, num_workers=0, progress=False)
    else:
        made = data.PersistentDataset(content, chain, cache_dir=place)

    def epoch() -> Batches:
        loader = DataLoader(made, batch_size=None, shuffle=True)
        return sliced(one["image"][0].permute(2, 1, 0) for one in loader)

    return epoch


if __name__ == "__main__":
    main()
