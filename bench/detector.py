"""The contract between the harness and a method.

A method is a class with four methods; it needs no base class. See `Detector`.
"""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from bench.cards import Budget
from bench.data.progress import LogValues, Progress

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


class Skip(Exception):
    """Raised by a detector that cannot do a task; the reason stands in the table."""


def _check(images: FloatArray, masks: BoolArray) -> None:
    if images.ndim != 4 or images.dtype != np.float32:
        raise TypeError(f"images must be (N, C, H, W) float32, got {images.shape} {images.dtype}")
    expected = (images.shape[0], *images.shape[2:])
    if masks.shape != expected or masks.dtype != np.bool_:
        raise TypeError(f"masks must be {expected} bool, got {masks.shape} {masks.dtype}")


@dataclass(frozen=True)
class NormalImages:
    """Normal images to learn from. No label, name or subject exists here.

    Attributes:
        images: (N, C, H, W) float32, read-only and memory-mapped; about 0 to 1 inside the
            foreground (values beyond are possible and meant), exactly 0 outside.
        masks: (N, H, W) bool, True in the foreground.
        validation: normal images of other subjects, for choosing and calibrating; None when
            the source has none. Its own ``validation`` is None.
    """

    images: FloatArray
    masks: BoolArray
    validation: NormalImages | None = None

    def __post_init__(self) -> None:
        _check(self.images, self.masks)

    def __len__(self) -> int:
        return int(self.images.shape[0])


@dataclass(frozen=True)
class Images:
    """Images to be judged, normal and abnormal ones mixed.

    Attributes:
        images: (N, C, H, W) float32, as in `NormalImages`.
        masks: (N, H, W) bool, True in the foreground.
        device: where to compute: ``cpu``, ``cuda`` or ``mps``.
        positions: (N,) float32, where each slice stands in its stack: -1 is the first, 1 the
            last; None for single images.
    """

    images: FloatArray
    masks: BoolArray
    device: str = "cpu"
    positions: FloatArray | None = None

    def __post_init__(self) -> None:
        _check(self.images, self.masks)
        if self.positions is not None and self.positions.shape != self.images.shape[:1]:
            raise TypeError(
                f"positions must be {self.images.shape[:1]} float32, got {self.positions.shape}"
            )

    def __len__(self) -> int:
        return int(self.images.shape[0])


@dataclass(frozen=True)
class Prediction:
    """What a detector says of `Images`, raw: higher is more anomalous, never rescaled or smoothed.

    Attributes:
        maps: (N, H, W) float32, or None for a detector without pixel scores.
        scores: (N,) float32, one per image.
        signed: the maps are raw differences, image minus reconstruction (or minus what else is
            normal), so that their distance from 0 is anomalous. A protocol makes them absolute,
            after or before it smooths them. For images of several channels the sign is that of
            the mean difference over channels. The scores are never signed.
    """

    maps: FloatArray | None
    scores: FloatArray
    signed: bool = False

    @property
    def unsigned_maps(self) -> FloatArray | None:
        """(N, H, W) float32, higher is more anomalous: signed maps made absolute."""
        return np.abs(self.maps) if self.signed and self.maps is not None else self.maps


def _silent(done: int, total: int, note: str) -> None:
    """Report progress to nobody."""


def ignore_values(values: Mapping[str, float], step: int) -> None:
    """Log values nowhere."""


class Checkpoints(Protocol):
    """Keeps the state of a fit, so that a fit that was killed goes on where it was.

    A fit has one or more stages, each with a name of its own. A stage begins with `read`, and
    writes its state whenever `due` says so, and once when it has ended.
    """

    def due(self) -> bool:
        """Whether enough time has passed since the last state; ask once per step."""

    def write(self, stage: str, fill: Callable[[Path], None]) -> None:
        """Keep a state; it replaces the older one of its stage.

        Args:
            stage: the name of the stage: letters, digits, spaces and hyphens.
            fill: writes the files (safetensors or npz, and JSON; no pickles) into the empty
                folder that it is given. Where it raises an OSError, the fit goes on without.
        """

    def read(self, stage: str) -> Path | None:
        """The folder with the latest state of a stage, or None; call it once per stage.

        The files are those that were written: damaged ones are never given.
        """


def _unheard(words: str) -> None:
    """Say it to nobody."""


@dataclass(frozen=True)
class Run:
    """The circumstances of one fit.

    Attributes:
        seed: everything random is already seeded with it before the detector is built; it is
            here for generators of the detector's own.
        device: ``cpu``, ``cuda`` or ``mps``.
        budget: resolved budget values.
        scratch: an empty folder for temporary files, removed afterwards.
        derived_folder: serves `derived`; without it derived files go to the scratch folder.
        progress: ``progress(done, total, note)``; call it as often as you like.
        log_values: ``log_values({"loss": 0.03}, step)``: numbers that tell how the fit goes, for
            the progress on the screen and for ``--log``. No number of a record depends on them.
        logger: for messages that belong in the run's log.
        checkpoints: keeps the state of the fit; None where nothing is kept.
        micro_batches: the method's card says that a batch may be computed in pieces.
        adapted: say what was changed to make the fit possible; it stands in the record.
    """

    seed: int
    device: str
    budget: Budget
    scratch: Path
    progress: Progress = _silent
    log_values: LogValues = ignore_values
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("bench.run"))
    derived_folder: Callable[[str, Callable[[Path], None]], Path] | None = None
    checkpoints: Checkpoints | None = None
    micro_batches: bool = False
    adapted: Callable[[str], None] = _unheard

    def derived(self, key: str, make: Callable[[Path], None]) -> Path:
        """Files that are expensive to make and follow from the images alone, shared by all fits.

        Args:
            key: a sha256 in hexadecimal of everything that the files follow from: the images'
                bytes, the settings and versions that enter. Never of a seed.
            make: writes the files into the empty folder that it is given. It is called where
                the files are not there yet; it may be called in several processes at once.

        Returns:
            The folder with the files, to be read only. It may be removed once the fit is done.
        """
        if self.derived_folder is not None:
            return self.derived_folder(key, make)
        folder = self.scratch / key
        if not folder.is_dir():
            folder.mkdir()
            make(folder)
        return folder


@runtime_checkable
class Detector(Protocol):
    """The four methods of a detector.

    The runner calls ``Class(config)`` with the resolved config (every key of the card's
    ``[config]``), after the seeds are set.

    The conformance suite (``tests/conformance``) holds: shapes and dtypes, finite
    values, the same bytes for the same seed on a CPU, identical predictions after
    ``save``/``load``, no dependence on the order or the batching of test images, no crash on a
    constant image. ``bench test-method`` runs it on any method. Optional: `Explains`,
    `CountsParameters`, `Reconstructs`.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Build an untrained detector from its resolved config."""

    def fit(self, normal: NormalImages, run: Run) -> None:
        """Learn what is normal. Raises `Skip` where the task cannot be done."""

    def predict(self, images: Images) -> Prediction:
        """Judge images; each one alone, whatever else is in the batch."""

    def save(self, folder: Path) -> None:
        """Write safetensors or npz, and JSON, into an existing empty folder; no pickles."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote into a detector built from the same config."""


DetectorClass = Callable[[Mapping[str, Any]], Detector]
"""A detector's class, or what makes one from a resolved config."""


@runtime_checkable
class CountsParameters(Protocol):
    """A detector that knows its size; optional. It stands among the costs in the record."""

    @property
    def n_parameters(self) -> int | None:
        """How many numbers it learns, 0 or more; None where it has no such notion.

        It is asked once, after `Detector.fit` or `Detector.load`.
        """


def parameter_count(detector: Detector) -> int | None:
    """How many numbers a fitted detector has learned.

    Returns:
        None where the detector does not say.

    Raises:
        TypeError: it says something other than a whole number.
    """
    count = detector.n_parameters if isinstance(detector, CountsParameters) else None
    return None if count is None else operator.index(count)  # NumPy's integers too


@runtime_checkable
class Explains(Protocol):
    """A detector that can also show the steps between an image and its map; optional.

    ``bench show`` draws these pictures between input and map. No number depends on them.
    """

    def explain(self, images: Images) -> dict[str, FloatArray]:
        """Steps on the way to the map, such as a reconstruction.

        Args:
            images: as of `Detector.predict`.

        Returns:
            Pictures by name, in the order to show them: (N, C, H, W) float32, finite, in the
            scale of the images. Of other numbers of channels than three the first is drawn.
        """


@runtime_checkable
class Reconstructs(Protocol):
    """A detector that compares an image with its own idea of it; optional.

    After a fit the harness asks it for held-out normal images, to see whether it has learned
    more than a constant (`bench.execution.learning`). No number of a protocol depends on it.
    """

    def reconstructions(self, images: Images) -> FloatArray:
        """What the learned parts make of images.

        Args:
            images: as of `Detector.predict`.

        Returns:
            (N, C, H, W) float32, finite, in the scale of the images; what is outside the masks
            does not matter.
        """
