"""Small trees of files in the layouts of the shipped cards."""

import csv
import re
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from bench.cards import Bucket, DatasetCard, Layout

SHAPE, VOXEL = (36, 44, 36), 4.0  # 144 x 176 x 144 mm hold a brain of 1.4 l
SIDE = (40, 48)

# A few subjects of each side of each volume card, as their ids look.
VOLUMES = {
    "mslub": ["01", "02", "09", "11", "12"],
    "ixi": ["002", "012", "013", "018"],
    "oasis1-healthy": ["1000", "1001", "1004"],
}


def _some(card: DatasetCard) -> list[str]:
    """Ids of a volume card, some for every side of its splits."""
    if card.name in VOLUMES:
        return VOLUMES[card.name]
    found = []
    for split in card.splits.values():
        if isinstance(split.subjects, Bucket):
            found += [one for n in range(60) if split.subjects.holds(one := f"{n:05d}")][:2]
    return found


def write_volumes(card: DatasetCard, layout: Layout, root: Path) -> None:
    """All files of a layout of volumes, for the subjects in `VOLUMES`."""
    visits = ("000", "001") if "{visit}" in str(layout.images) else ("",)
    for number, subject in enumerate(_some(card)):
        for visit in visits:
            rng = np.random.default_rng([*map(ord, card.name), number, int(visit or 0)])
            brain, lesion = _brain(rng)
            places = {"subject": subject, "visit": visit}
            for modality, pattern in layout.images.items():
                contrast = -40 if modality == "T1" else 60
                image = (100 + rng.normal(0, 5, SHAPE) + contrast * lesion) * brain
                _volume(root / _filled(pattern, places), image.astype(np.float32))
            if layout.label is not None:
                _volume(root / _filled(layout.label, places), lesion.astype(np.uint8))
            if layout.mask is not None:
                _volume(root / _filled(layout.mask, places), brain.astype(np.uint8))


def _brain(rng):
    axes = [np.linspace(-1, 1, n) for n in SHAPE]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    brain = (grid**2).sum(axis=0) < 0.85
    lesion = np.zeros(SHAPE, bool)
    x, y = rng.integers(12, 20, 2)
    lesion[x : x + 5, y : y + 5, 14:20] = True
    return brain, lesion & brain


def _volume(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([VOXEL, VOXEL, VOXEL, 1.0])
    affine[:3, 3] = -VOXEL * np.array(SHAPE) / 2
    nibabel.save(nibabel.Nifti1Image(array, affine), path)


def _filled(pattern: str, places: dict[str, str], *, suffix=".png", optional=True) -> str:
    text = re.sub(r"\[([^\]]*)\]", r"\1" if optional else "", pattern)
    text = text.removesuffix(".*") + (suffix if text.endswith(".*") else "")
    return text.format_map(places).replace("*", "x")


def write_images(card: DatasetCard, layout: Layout, root: Path) -> None:
    """All files of a layout of images: two images of each class in each part."""
    if layout.kind == "medmnist":
        _medmnist(layout, root)
        return
    parts = ["train", "test"] if card.name == "folder" else ["train", "valid", "test"]
    rows = []
    for number, subject in enumerate(_subjects(card)):
        for part in parts if "{part}" in str(layout.images) else [""]:
            for kind in [*layout.normal[:1], *layout.abnormal[:1]]:
                places = {"subject": subject, "part": part, "class": kind, "image": f"{number}1"}
                if "{image}" in layout.id and "{part}" not in layout.id:
                    places["image"] = f"{subject}{kind}"
                _picture(card, layout, root, places, abnormal=kind in layout.abnormal, seed=number)
                rows.append([places["image"], kind])
    if layout.table is not None:
        with (root / layout.table.file).open("w", newline="") as handle:
            csv.writer(handle).writerows([[layout.table.image, layout.table.label], *rows])


def _subjects(card):
    """Ids for every bucket of the splits; any ids where there are no buckets."""
    buckets = [s.subjects for s in card.splits.values() if isinstance(s.subjects, Bucket)]
    if not buckets:
        return ["a", "b"]
    return [str(n) for n in range(1000, 1030)]


def _picture(card, layout, root, places, *, abnormal, seed):
    if layout.label is None and places["part"] == "train" and abnormal and "bmad" in card.name:
        return
    rng = np.random.default_rng([seed, *map(ord, "".join(places.values()))])
    colour = card.preparation.colour == "rgb"
    image = 90 + rng.normal(0, 10, (*SIDE, 3) if colour else SIDE)
    lesion = np.zeros(SIDE, bool)
    if abnormal:
        lesion[10:18, 20:30] = True
        image[lesion] += 80
    training = places["part"] == "train"
    path = root / _filled(next(iter(layout.images.values())), places, optional=not training)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path)
    if layout.label is not None and abnormal:
        path = root / _filled(layout.label, places)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(lesion.astype(np.uint8) * 255).save(path)


def _medmnist(layout, root):
    rng = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 40), ("val", 20), ("test", 40)):
        labels = np.arange(count) % 4
        images = 90 + rng.normal(0, 10, (count, 28, 28))
        images[labels != int(layout.normal[0]), 8:14, 8:14] += 80
        arrays |= {f"{part}_images": images.astype(np.uint8), f"{part}_labels": labels[:, None]}
    np.savez_compressed(root / next(iter(layout.images.values())), **arrays)


def write_tree(card: DatasetCard, layout: Layout, data_dir: Path) -> Path:
    """The files of one layout of a card under ``data_dir``."""
    root = data_dir / card.name
    root.mkdir(parents=True, exist_ok=True)
    (write_volumes if layout.kind == "volumes" else write_images)(card, layout, root)
    return root
