"""Data sets like those in the field: pictures with classes, brains with labels of several values.

Each gives the right numbers beside its files, by NumPy and scikit-learn alone.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from bench import registry
from bench.cards import Budget, DatasetCard
from bench.planning.request import Request, TaskChoice
from bench.planning.settings import MethodChoice
from fakes import tiny

BUDGET = tiny.BUDGET.model_copy(update={"name": "field", "image_size": 64})
BRAIN = (64, 64, 20)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
PARTS = {
    "train": {"subjects": {"part": "train"}, "slices": "lesion-free", "rule": ""},
    "test": {"subjects": {"part": "test"}, "rule": ""},
}


def card(
    layout: dict[str, object], splits: dict[str, object], preparation: dict[str, object]
) -> DatasetCard:
    """The card `own` with one task, `t`, of all modalities of its layout."""
    about = dict.fromkeys(("title", "description", "licence", "citation"), "x")
    protocols = ["pixel-pooled@1", "pixel-subject@1", "image@1"]
    task = {"title": "t", "channels": [*layout["images"]], "protocols": protocols}
    return DatasetCard.model_validate(
        {
            "name": "own",
            "version": 1,
            "layouts": [{"name": "own", "title": "own", **layout}],
            "splits": splits,
            "preparation": preparation,
            "tasks": {"t": task | {"headline": {"protocol": "image@1", "metric": "auroc"}}},
            **about,
        }
    )


def request(one: DatasetCard, budget: Budget = BUDGET) -> Request:
    """The method `intensity`, whose map is the prepared image, on the card's task."""
    method = registry.load_methods()["intensity"]
    task = TaskChoice(name="own/t", dataset=one, task=one.tasks["t"], train_on=one)
    config = registry.default_config(method)
    chosen = MethodChoice(card=method, settings={}, config=config)
    return Request(methods=(chosen,), tasks=(task,), budget=budget, seeds=1)


def picture(seed: int, bad: bool) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64) uint8 and its label, bool."""
    y, x = np.mgrid[:64, :64]
    noise = np.random.default_rng(seed).normal(0, 6, (64, 64))
    image = 90 + 40 * np.sin(x / 9 + seed) + 30 * np.cos(y / 11) + noise
    label = (((y - 19.2) / 6) ** 2 + ((x - 44.8) / 4) ** 2 < 1) & bad
    image[label] += 50
    return np.clip(image, 3, 250).astype(np.uint8), label


def png(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array if array.dtype != bool else array.astype(np.uint8) * 255).save(path)


def brain(seed: int, lesion: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32 with background 0, the brain and the lesion, bool."""
    x, y, z = np.meshgrid(*map(np.arange, BRAIN), indexing="ij")
    middle = [(n - 1) / 2 for n in BRAIN]
    radii = [n * share for n, share in zip(BRAIN, (0.4, 0.44, 0.49), strict=True)]
    inside = sum(((a - m) / r) ** 2 for a, m, r in zip((x, y, z), middle, radii, strict=True)) < 1
    noise = np.random.default_rng(seed).normal(0, 8, BRAIN)
    image = np.clip(100 + 30 * np.sin(x / 5 + seed) + 20 * np.cos(y / 7) + noise, 5, None)
    label = ((x - 40.5) / 4) ** 2 + ((y - 23.5) / 4) ** 2 + ((z - 10.5) / 2.5) ** 2 < 1
    label &= inside & lesion
    image[label] += 35
    image[~inside] = 0
    return image.astype(np.float32), inside, label


def expected(items: list[tuple[np.ndarray, ...]]) -> tuple[float, float]:
    """AP and AUROC of the intensities, over all pixels that count.

    Args:
        items: image, pixels that count and lesion pixels of each image or volume.
    """
    scores, labels = [], []
    for image, inside, counts, label in items:
        low, high = np.percentile(image[inside], (1, 99))
        scaled = (image.astype(np.float32) - np.float32(low)) / np.float32(high - low)
        scores.append(scaled[counts])
        labels.append(label[counts])
    truth, values = np.concatenate(labels), np.concatenate(scores)
    return average_precision_score(truth, values), roc_auc_score(truth, values)


def enough(inside: np.ndarray) -> np.ndarray:
    """The brain without slices that have less than 5 % of it, which preparation leaves out."""
    kept = np.flatnonzero(inside.mean(axis=(0, 1)) >= 0.05)
    counts = inside.copy()
    counts[..., : kept[0]] = counts[..., kept[-1] + 1 :] = False
    return counts
