"""A method under test, with its made-up images."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.cards import Budget, MethodCard
from bench.detector import (
    BoolArray,
    Checkpoints,
    Detector,
    FloatArray,
    Images,
    NormalImages,
    Prediction,
    Run,
)
from bench.errors import MethodError, counted

NORMAL_IMAGES = 6
TEST_IMAGES = 5
CLOSE = 0.05
"""Share of a result's range by which a value may differ and still be the same on a GPU."""
FLIPPED = 0.01
"""Share of the values that may differ by more there: a map of several channels takes the channel
with the largest residual, and where two are level the last bits decide which, and the sign."""

BUDGET = Budget(
    name="conformance",
    image_size=32,
    training_subjects=0,
    steps=2,
    batch_size=4,
    width=4,
    threads=1,
    seeds=1,
    timeout_minutes=5,
)


@dataclass
class Trial:
    """One method under test, with its images; what is fitted once serves all checks.

    Args:
        card: the method.
        build: its class, or what makes a detector from a config.
        config: resolved config.
        channels: of the images.
        size: side of the square images in pixels.
        device: where to fit and predict: ``cpu``, ``cuda`` or ``mps``.
    """

    card: MethodCard
    build: Callable[[Mapping[str, Any]], Detector]
    config: Mapping[str, Any]
    channels: int = 1
    size: int = BUDGET.image_size
    device: str = "cpu"

    @cached_property
    def detector(self) -> Detector:
        """A detector fitted on `NORMAL_IMAGES` images with seed 0."""
        return self.fit()

    @cached_property
    def images(self) -> Images:
        """Test images, the last one with a lesion; read-only."""
        images, masks = made_up(TEST_IMAGES, self.channels, self.size, seed=1)
        images[-1, :, 12:18, 12:18] = 1.8
        return read_only(images, masks, self.device)

    @cached_property
    def prediction(self) -> Prediction:
        """The detector's prediction of `images`."""
        from bench.execution.returned import in_place_of_prediction

        found: object = self.detector.predict(self.images)
        if not isinstance(found, Prediction):
            raise self.broken("form", in_place_of_prediction(found), "A cell would fail")
        return found

    def fit(
        self,
        seed: int = 0,
        count: int = NORMAL_IMAGES,
        size: int | None = None,
        steps: int = BUDGET.steps,
        checkpoints: Checkpoints | None = None,
    ) -> Detector:
        """Fit a new detector as the runner does: seeds first, images memory-mapped."""
        from torch.utils import deterministic

        from bench.execution import seeding

        size = size or self.size
        validation = NormalImages(*made_up(2, self.channels, size, seed=2)) if count > 1 else None
        budget = BUDGET.model_copy(update={"image_size": size, "steps": steps})
        with tempfile.TemporaryDirectory() as name:
            images, masks = _mapped(Path(name), *made_up(count, self.channels, size, seed=0))
            scratch = Path(name) / "scratch"
            scratch.mkdir()
            seeding.seed_everything(seed, threads=budget.threads, device=self.device)
            # A method that reads memory which nobody wrote gets NaN here, not by chance later.
            deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
            detector = self.build(dict(self.config))
            run = Run(
                seed=seed,
                device=self.device,
                budget=budget,
                scratch=scratch,
                checkpoints=checkpoints,
            )
            detector.fit(NormalImages(images, masks, validation), run)
        return detector

    def same(self, first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
        """Whether two results agree: in all bytes on a CPU, in nearly all values elsewhere."""
        if self.device == "cpu":
            return first.tobytes() == second.tobytes()
        return bool((np.abs(first - second) > CLOSE * np.ptp(first)).mean() <= FLIPPED)

    def broken(self, contract: str, found: str, meaning: str) -> MethodError:
        """The error of a broken contract."""
        return MethodError(
            f"{self.card.name} breaks the contract {contract!r} "
            f"({counted(self.channels, 'channel')}, {self.size} pixels): {found}. {meaning}"
        )


def channel_counts(card: MethodCard) -> list[int]:
    """The numbers of channels to test a method with: one and three where it takes them."""
    if not card.channels:
        return [1, 3]
    return [count for count in (1, 3) if count in card.channels] or card.channels[:1]


def made_up(count: int, channels: int, size: int, *, seed: int) -> tuple[FloatArray, BoolArray]:
    """Images of blocky texture within ellipses; a few values beyond 0 to 1, as real ones have.

    Returns:
        (count, channels, size, size) float32 and (count, size, size) bool.
    """
    generator = np.random.default_rng([seed, count, channels, size])
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    images = np.zeros((count, channels, size, size), dtype=np.float32)
    masks = np.zeros((count, size, size), dtype=bool)
    cells = -(-size // 4)
    for image, mask in zip(images, masks, strict=True):
        height, width = generator.uniform(0.3, 0.48, 2)
        mask[:] = (rows / height) ** 2 + (columns / width) ** 2 < 1
        coarse = generator.uniform(-0.05, 1.05, (channels, cells, cells))
        texture = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :size, :size]
        image[:, mask] = texture[:, mask]
    return images, masks


def _mapped(folder: Path, images: FloatArray, masks: BoolArray) -> tuple[FloatArray, BoolArray]:
    """The arrays as the runner hands them over: memory-mapped and read-only."""
    for name, array in (("images", images), ("masks", masks)):
        np.save(folder / f"{name}.npy", array)
    return (
        np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
        np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False),
    )


def read_only(images: FloatArray, masks: BoolArray, device: str = "cpu") -> Images:
    """Test images that nobody can write into, with positions as of a stack."""
    images.flags.writeable = masks.flags.writeable = False
    positions = np.linspace(-1, 1, len(images), dtype=np.float32)
    positions.flags.writeable = False
    return Images(images, masks, device, positions)
