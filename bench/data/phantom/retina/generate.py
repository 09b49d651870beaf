"""The embedded retina phantom: OCT B-scans with layers, a foveal pit, speckle and lesions.

Each subject has eight B-scans of 256 x 256 pixels, from above the fovea to below it. What it is
and is not: ``datasets/README.md``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.cache.folder import cache_errors, discard_folder, publish_folder
from bench.data.progress import Progress
from bench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]

GENERATOR_VERSION = 1
"""Raised whenever the files change; part of the folder's name in the cache."""

SCANS = 8
"""B-scans of a subject."""
SIDE = 256
"""Rows and columns of a B-scan; about 2 mm x 6 mm."""

_SUBJECT = re.compile(r"(?:train|val|test-(?:normal|drusen|fluid))-\d{2}")
# Boundaries of the retina's layers, as shares of the way from its surface (ILM) to the pigment
# epithelium (RPE), and the reflectivity of the layer below each.
_LAYERS = (
    (0.00, 0.62),  # nerve fibres
    (0.10, 0.42),  # ganglion cells and inner plexiform layer
    (0.32, 0.26),  # inner nuclear layer
    (0.44, 0.44),  # outer plexiform layer
    (0.52, 0.18),  # outer nuclear layer
    (0.82, 0.60),  # ellipsoid zone
    (0.88, 0.34),  # outer segments
)
_VITREOUS, _RPE, _CHOROID = 0.04, 0.85, 0.40
# Coarse steps, so that the last digits in which CPUs differ do not change a file.
_STEPS, _STEP = 2000, 16


def generate(
    folder: Path,
    subjects: Sequence[str],
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> None:
    """Make the files of those subjects that have none yet.

    A subject's folder appears whole or not at all, and a subject is the same whatever else is
    generated, in whatever order.

    Args:
        folder: where ``<subject>/<scan>.png`` (16 bit) and ``<scan>_lesion.png`` (0 or 255) go.
        subjects: ids, such as ``train-01`` or ``test-drusen-03``.
        processes: not used; a subject takes a fraction of a second.
        progress: called as ``progress(done, total, subject)`` after each subject.

    Raises:
        DataError: an id that the phantom does not have; nothing is made then.
        StoreError: the folder cannot be written.
    """
    from PIL import Image

    for name in subjects:
        if not _SUBJECT.fullmatch(name):
            raise DataError(
                f"the retina phantom has no subject {name!r}, expected ids such as train-01",
                hint="see the splits of the card phantom-oct",
            )
    todo = [one for one in dict.fromkeys(subjects) if not _complete(folder / one)]
    for done, name in enumerate(todo, start=1):
        if (folder / name).is_dir():
            discard_folder(folder / name)
        with cache_errors(folder), publish_folder(folder / name) as partial:
            for scan, (image, lesion) in enumerate(scans(name), start=1):
                Image.fromarray(image).save(partial / f"{scan}.png", compress_level=1)
                label = lesion.astype("uint8") * 255
                Image.fromarray(label).save(partial / f"{scan}_lesion.png", compress_level=1)
        if progress is not None:
            progress(done, len(todo), name)


def _complete(place: Path) -> bool:
    return all((place / f"{scan}_lesion.png").is_file() for scan in range(1, SCANS + 1))


def scans(subject: str) -> list[tuple[npt.NDArray[np.uint16], BoolArray]]:
    """The B-scans of one subject, each with its lesion label.

    Returns:
        Images (256, 256) uint16 and labels (256, 256) bool, from above the fovea to below it.
    """
    import numpy as np

    rng = np.random.default_rng(_seed(subject))
    eye = _Eye.of(rng)
    sick = {"drusen": _drusen, "fluid": _fluid}.get(subject.split("-")[1])
    lesions = sick(eye, rng) if sick is not None else []
    made = []
    for scan in range(SCANS):
        away = (scan + 0.5) / SCANS - 0.5
        image, lesion = _scan(eye, away, [one for one in lesions if one.scan == scan], rng)
        steps = np.clip(np.rint(image * _STEPS), 0, 65535 // _STEP)
        made.append(((steps * _STEP).astype(np.uint16), lesion))
    return made


def _seed(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"phantom-oct {name}".encode()).digest()[:8], "big")


# --- anatomy ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Eye:
    """What the B-scans of a subject share. Lengths are shares of the image's side.

    Attributes:
        pit: column, depth and width of the foveal pit.
        vessels: columns of vessels, whose shadows run through all scans.
    """

    level: float
    tilt: float
    bend: float
    thickness: float
    pit: tuple[float, float, float]
    gains: FloatArray
    waves: FloatArray
    vessels: FloatArray
    gain: float
    looks: float

    @classmethod
    def of(cls, rng: np.random.Generator) -> _Eye:
        return cls(
            level=rng.uniform(0.55, 0.68),
            tilt=rng.normal(0, 0.05),
            bend=rng.uniform(0.02, 0.12),
            thickness=rng.uniform(0.24, 0.31),
            pit=(rng.uniform(0.42, 0.58), rng.uniform(0.45, 0.65), rng.uniform(0.08, 0.13)),
            gains=rng.uniform(0.88, 1.12, len(_LAYERS) + 2),
            waves=rng.normal(0, 1, (len(_LAYERS) + 1, 2, 6)),
            vessels=rng.uniform(0, 1, rng.integers(2, 6)),
            gain=rng.uniform(0.8, 1.25),
            looks=rng.uniform(5, 9),
        )

    def boundaries(self, away: float) -> tuple[FloatArray, FloatArray]:
        """Rows of the boundaries of `_LAYERS`, (7, SIDE), and of the RPE, (SIDE,), in pixels."""
        import numpy as np

        x = (np.arange(SIDE) + 0.5) / SIDE
        column, depth, width = self.pit
        rpe = self.level + self.tilt * (x - 0.5) - self.bend * (4 * (x - 0.5) ** 2 + away**2)
        rpe = rpe + 0.004 * self._wave(len(_LAYERS), x, away)
        pit = depth * np.exp(-(((x - column) / width) ** 2) - (away / width / 1.4) ** 2)
        rim = 0.12 * np.exp(-(((abs(x - column) - 2 * width) / width) ** 2) - (2 * away) ** 2)
        # The pit takes away the inner layers, so they thin first: all but the outermost 40 %.
        inner = self.thickness * (1 + rim) * (1 - 0.3 * abs(away))
        rows = []
        for number, (share, _) in enumerate(_LAYERS):
            outward = (1 - share) * np.minimum(1.0, (1 - pit) + 0.4 * pit * share)
            wave = 0.003 * self._wave(number, x, away) if number else 0.0
            rows.append(rpe - inner * outward + wave)
        return np.maximum.accumulate(np.array(rows), axis=0) * SIDE, rpe * SIDE

    def _wave(self, number: int, x: FloatArray, away: float) -> FloatArray:
        """A smooth curve of its own for each boundary, changing slowly from scan to scan."""
        import numpy as np

        waves = np.arange(1, 7)
        phase = 2 * np.pi * (np.outer(x, waves) / 1.5 + away * waves / 3)
        sines, cosines = self.waves[number]
        return np.asarray((np.sin(phase) * sines + np.cos(phase) * cosines) @ (1 / waves))


# --- lesions ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lesion:
    """One lesion in one scan; lengths in pixels.

    Attributes:
        kind: ``druse`` and ``subretinal`` lie on the RPE, ``cyst`` in a nuclear layer.
        layer: number of the boundary above a cyst.
    """

    scan: int
    kind: str
    column: float
    width: float
    height: float
    brightness: float
    layer: int = 0


def _drusen(eye: _Eye, rng: np.random.Generator) -> list[_Lesion]:
    found = []
    for _ in range(int(rng.integers(4, 16))):
        scan = int(rng.integers(1, SCANS - 1))
        width = rng.uniform(6, 18)
        height = width * rng.uniform(0.4, 0.9)
        column = rng.uniform(0.1, 0.9) * SIDE
        found += [
            _Lesion(beside, "druse", column, width, height, rng.uniform(0.35, 0.6))
            for beside in range(scan, scan + int(rng.integers(1, 3)))
        ]
    return found


def _fluid(eye: _Eye, rng: np.random.Generator) -> list[_Lesion]:
    found = []
    first = int(rng.integers(1, SCANS - 3))
    for scan in range(first, first + int(rng.integers(2, 5))):
        for _ in range(int(rng.integers(1, 6))):
            width = rng.uniform(5, 15)
            place = eye.pit[0] + rng.normal(0, 0.15)
            found.append(
                _Lesion(
                    scan,
                    "cyst",
                    column=min(max(place, 0.05), 0.95) * SIDE,
                    width=width,
                    height=width * rng.uniform(0.4, 0.8),
                    brightness=rng.uniform(0.05, 0.11),
                    layer=int(rng.choice([2, 4])),
                )
            )
        if rng.random() < 0.4:
            found.append(
                _Lesion(
                    scan,
                    "subretinal",
                    column=eye.pit[0] * SIDE,
                    width=rng.uniform(25, 60),
                    height=rng.uniform(6, 16),
                    brightness=rng.uniform(0.05, 0.1),
                )
            )
    return found


# --- images -------------------------------------------------------------------------------------


def _scan(
    eye: _Eye, away: float, lesions: list[_Lesion], rng: np.random.Generator
) -> tuple[FloatArray, BoolArray]:
    import numpy as np
    from scipy.ndimage import gaussian_filter

    x = np.arange(SIDE) + 0.5
    y = (np.arange(SIDE) + 0.5)[:, None]
    layers, rpe = eye.boundaries(away)
    floor = rpe.copy()  # Bruch's membrane stays where it is when a druse lifts the RPE
    fluid_top = rpe.copy()
    for one in lesions:
        bump = one.height * np.exp(-(((x - one.column) / one.width) ** 2))
        if one.kind == "druse":
            rpe = np.minimum(rpe, floor - bump)
        elif one.kind == "subretinal":
            fluid_top = np.minimum(fluid_top, floor - np.where(bump > 0.5, bump, 0))
    lifted = np.minimum(rpe, fluid_top) - floor
    layers = layers + lifted * np.linspace(0.1, 1.0, len(_LAYERS))[:, None] ** 2

    image = np.full((SIDE, SIDE), _VITREOUS)
    for number, (_, brightness) in enumerate(_LAYERS):
        image = np.where(y >= layers[number], brightness * eye.gains[number], image)
    lesion = np.zeros((SIDE, SIDE), dtype=np.bool_)
    for one in lesions:
        if one.kind == "cyst":
            middle = (layers[one.layer] + layers[one.layer + 1]) / 2
            centre = middle[int(one.column)]
            inside = ((x - one.column) / one.width) ** 2 + ((y - centre) / one.height) ** 2 < 1
            inside &= (y > layers[1]) & (y < layers[5])
        elif one.kind == "subretinal":
            inside = (y >= fluid_top) & (y < rpe)
        else:
            inside = (y >= rpe + 4) & (y < floor) & (abs(x - one.column) < 2 * one.width)
        lesion |= inside
    below = (y >= rpe) & (y < rpe + 6)
    choroid = _CHOROID * eye.gains[-1] * np.exp(-(y - floor) / 45.0)
    image = np.where(y >= floor, choroid, image)
    for one in (each for each in lesions if each.kind == "druse"):
        image[(y >= rpe) & (y < floor) & (abs(x - one.column) < 2 * one.width)] = one.brightness
    for one in (each for each in lesions if each.kind != "druse"):
        image[lesion & (y < rpe)] = one.brightness
    image = np.where(below, _RPE * eye.gains[-2], image)

    shadow = np.ones(SIDE)
    for vessel in eye.vessels:
        place = (vessel + 0.1 * away) * SIDE
        shadow -= 0.45 * np.exp(-(((x - place) / 3.0) ** 2))
    image = np.where(y > layers[1], image * np.maximum(shadow, 0.3), image)
    image = gaussian_filter(image, 0.8) * eye.gain
    # Speckle is multiplicative; averaging of frames leaves a gamma distribution.
    speckle = gaussian_filter(rng.gamma(eye.looks, 1 / eye.looks, image.shape), (0.5, 0.8))
    noisy = image * (1 + 2.0 * (speckle - 1)) + abs(rng.normal(0, 0.015, image.shape))
    return np.maximum(noisy, 0), lesion
