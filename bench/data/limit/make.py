"""Writes the data set of a detection limit: files, what was put where, and its card."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tomlkit
from nibabel.nifti1 import Nifti1Image

from bench import atomic
from bench.cards import DatasetCard, Preparation
from bench.cards.insertions import Copy, InsertedLesion, Insertions
from bench.data.arrays import BoolArray, FloatArray
from bench.data.files import SubjectFiles
from bench.data.limit.insert import VERSION, Grown, place_lesions, with_lesions
from bench.data.read.labels import read_volume_labels
from bench.data.read.scans import Scans
from bench.errors import DataError, StoreError, counted

INSERTIONS = "insertions.json"
"""The file of a data set that says what was put where."""
DIAMETERS_MM = (4.0, 6.0, 9.0, 13.0, 19.0)
CONTRASTS = (0.1, 0.2, 0.4, 0.8, 1.6)
_STEPS = 20000  # stored steps between 0 and the highest value, as int16
_USUAL = Preparation(spacing_mm=(1.0, 1.0, 2.0), grid=(224, 224, 90))


@dataclass(frozen=True)
class Design:
    """What is put into which volumes.

    Attributes:
        source: card of the dataset that methods learn from.
        split: of it, whose normal volumes are used.
        channel: modality.
        dark: lesions are darker than the tissue around them.
        seed: of places and shapes.
        diameters_mm: one lesion of each in every copy.
        contrasts: one copy of every volume for each, above 0.
    """

    source: DatasetCard
    split: str
    channel: str
    dark: bool
    seed: int = 0
    diameters_mm: Sequence[float] = DIAMETERS_MM
    contrasts: Sequence[float] = CONTRASTS

    @property
    def name(self) -> str:
        """Name of the data set and its card."""
        return f"{self.source.name}-limit-{self.channel.lower()}-{self.seed}"


def make_limit(
    design: Design,
    subjects: Sequence[SubjectFiles],
    folder: Path,
    scratch: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Insertions:
    """Write copies and twins of normal volumes; what was put where comes last.

    Args:
        design: what to put into them.
        subjects: the volumes; those whose label has lesions are refused.
        folder: of the data set.
        scratch: folder for what is larger than memory should hold.
        progress: called with (done, total).

    Raises:
        DataError: a volume cannot be read, or has no room for the lesions.
        StoreError: the folder cannot be written.
    """
    copies: list[Copy] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for done, files in enumerate(subjects, start=1):
            copies += _copies(design, files, folder, scratch)
            if progress is not None:
                progress(done, len(subjects))
        found = Insertions(
            source=design.source.name,
            split=design.split,
            channel=design.channel,
            seed=design.seed,
            version=VERSION,
            copies=copies,
        )
        atomic.write_text(folder / INSERTIONS, found.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written: {error.strerror or error}",
            hint="choose another folder with --data-dir",
        ) from error
    return found


def read_insertions(folder: Path) -> Insertions | None:
    """What was put where; None where the data set is not there, or not whole.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / INSERTIONS
    if not path.is_file():
        return None
    try:
        return Insertions.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read: {error}", hint=f"remove {folder} and make it again"
        ) from error


def _copies(design: Design, files: SubjectFiles, folder: Path, scratch: Path) -> list[Copy]:
    background = None
    if isinstance(design.source.preparation, Preparation):
        background = design.source.preparation.background
    scans = Scans.read(files, [design.channel], scratch, background)
    volume = scans.volumes[0]
    if files.labels and read_volume_labels(files.labels, files.values, volume)[0].data.any():
        raise DataError(
            f"subject {files.subject} has lesions of its own",
            hint="choose normal volumes with --split",
        )
    inside = scans.inside(range(volume.slabs.shape[0])).transpose(2, 1, 0)
    x, y, z = (_span(np.asarray(inside.any(axis=axes))) for axes in ((1, 2), (0, 2), (0, 1)))
    corner = np.eye(4)
    corner[:3, 3] = [x.start, y.start, z.start]
    affine = volume.affine @ corner
    inside = np.ascontiguousarray(inside[x, y, z])
    data = np.where(inside, volume.data[x, y, z], 0).astype(np.float32)
    name = f"{design.source.name}-{files.subject}"
    # Its own name decides, so that a volume has the same lesions whatever else is made.
    words = f"limit/{VERSION}/{name}/{design.channel}/{design.seed}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big"))
    largest_first = sorted(design.diameters_mm, reverse=True)
    lesions = place_lesions(inside, volume.voxel_mm, largest_first, rng)
    label = np.zeros(inside.shape, dtype=np.uint8)
    twin = f"{name}-twin"
    _write(folder / twin, data, label, inside, affine)
    for one in lesions:
        label[one.box][one.filled] = 1
    made = []
    for contrast in design.contrasts:
        signed = -contrast if design.dark else contrast
        subject = f"{name}-c{round(1000 * contrast):04d}"
        _write(folder / subject, with_lesions(data, inside, lesions, signed), label, inside, affine)
        told = [_told(one, affine, signed) for one in lesions]
        made.append(Copy(subject=subject, volume=name, twin=twin, lesions=told))
    return made


def _told(one: Grown, affine: npt.NDArray[np.float64], contrast: float) -> InsertedLesion:
    x, y, z = (float(v) for v in affine[:3, :3] @ np.array(one.centre) + affine[:3, 3])
    return InsertedLesion(
        centre_mm=(x, y, z),
        diameter_mm=one.diameter_mm,
        contrast=contrast,
        voxels=int(one.filled.sum()),
    )


def _span(used: npt.NDArray[np.bool_]) -> slice:
    """From the first to the last, and two more on both sides."""
    at = np.flatnonzero(used)
    return slice(max(int(at[0]) - 2, 0), min(int(at[-1]) + 3, used.size))


def _write(
    folder: Path,
    data: FloatArray,
    label: npt.NDArray[np.uint8],
    inside: BoolArray,
    affine: npt.NDArray[np.float64],
) -> None:
    folder.mkdir(exist_ok=True)
    step = max(float(np.abs(data).max()), 1e-6) / _STEPS
    steps = np.rint(data / step).astype(np.int16)
    for name, array, scale in (
        ("image", steps, step),
        ("lesion", label, 1.0),
        ("mask", inside.astype(np.uint8), 1.0),
    ):
        image = Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
        image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
        image.header.set_slope_inter(scale, 0)  # type: ignore[no-untyped-call]
        packed = gzip.compress(image.to_bytes(), compresslevel=1, mtime=0)
        (folder / f"{name}.nii.gz").write_bytes(packed)


def limit_card(design: Design, made: Insertions) -> str:
    """The card of the data set, in TOML."""
    subjects = sorted({name for one in made.copies for name in (one.subject, one.twin)})
    source = design.source
    preparation = source.preparation
    if not isinstance(preparation, Preparation):
        preparation = _USUAL
    sizes = ", ".join(f"{one:g}" for one in design.diameters_mm)
    shares = ", ".join(f"{one:g}" for one in design.contrasts)
    card = tomlkit.document()
    card["name"] = design.name
    card["title"] = f"{source.title}, {design.channel}: known lesions in normal volumes"
    card["version"] = VERSION
    card["description"] = (
        f"{counted(len({one.volume for one in made.copies}), 'normal volume')} of {source.name} "
        f"(split {design.split}), each without lesions and with "
        f"{counted(len(design.diameters_mm), 'lesion')} of {sizes} mm at contrasts of "
        f"{'-' if design.dark else '+'}({shares}) of the volume's intensity range; seed "
        f"{design.seed}. Made by bench detect-limit."
    )
    card["licence"] = source.licence
    card["citation"] = source.citation
    card["synthetic"] = True
    layouts = tomlkit.aot()
    layout = tomlkit.table()
    layout.update(
        {
            "name": "made",
            "title": "one folder per copy",
            "images": {design.channel: "{subject}/image.nii.gz"},
            "label": "{subject}/lesion.nii.gz",
            "mask": "{subject}/mask.nii.gz",
        }
    )
    layouts.append(layout)
    card["layouts"] = layouts
    card["splits"] = {"test": {"subjects": subjects, "rule": "all copies and their twins"}}
    card["preparation"] = preparation.model_dump(mode="json", exclude_none=True)
    card["tasks"] = {
        "find": {
            "title": f"{source.title} {design.channel}, known lesions",
            "channels": [design.channel],
            "train_on": source.name,
            "protocols": ["detection-limit@1", "pixel-pooled@2"],
            "headline": {"protocol": "detection-limit@1", "metric": "sensitivity_at_1fp"},
        }
    }
    return tomlkit.dumps(card)
