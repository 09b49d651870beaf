"""Raw predictions of one cell, kept so that any protocol can be applied later.

One file per subject, ``ROLE-SUBJECT.npz.zst``, holds maps, scores, foreground masks and labels of
all its images in order, and where they are in the input's own grid. Everything is lossless: NumPy's
archive in one Zstandard frame (RFC 8878) of level 1, which is as small on maps as zlib and is
written and read several times as fast (``benchmarks/storage.py``). An older bench wrote ``.npz``
with zlib inside; both are read. An index names the subjects, so that a lost file is noticed.
"""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench import checksums
from bench.errors import StoreError, counted_of
from bench.geometry import Geometry
from bench.store.records import Record

Role = Literal["test", "validation"]
_INDEX = "subjects.json"
_FORM, _OLD_FORM = ".npz.zst", ".npz"
_LEVEL = 1
_AGAIN = "run the cell again with --force"


@dataclass(frozen=True)
class SubjectPrediction:
    """Raw predictions and truth of one subject's images, in order.

    Attributes:
        subject: id within the dataset.
        role: ``test``, or ``validation`` for the normal images thresholds are calibrated on.
        maps: (S, H, W) float32, raw; higher is more anomalous unless they are signed; None
            without pixel scores.
        scores: (S,) float32, the detector's own image scores.
        masks: (S, H, W) bool, foreground.
        labels: (S, H, W) bool, True is lesion; None where there are only image labels.
        ignored: (S, H, W) bool, pixels that are neither lesion nor known to be normal, which
            pixel protocols leave out; None where there are none.
        image_labels: (S,) bool, whether the image holds a lesion, taken before resizing.
        geometry: None for single images without a volume around them.
        preview: (H, W) float16, first channel of the input at `shown_image`; for pictures only.
            None for validation images and where an older bench kept none.
        signed: the maps are signed, see `bench.detector.Prediction`; False where an older bench
            wrote the file.
        contrasts: (L,) float32, how far each lesion stands out (`bench.protocol.contrast`), by its
            number in `connected_regions` of the labels: of the stack, or of each single image.
            None without pixel labels and where an older bench wrote the file.
        scores_only: the method gives no maps; False where maps were dropped afterwards, and where
            an older bench wrote the file.
    """

    subject: str
    role: Role
    maps: npt.NDArray[np.float32] | None
    scores: npt.NDArray[np.float32]
    masks: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.bool_] | None
    image_labels: npt.NDArray[np.bool_]
    geometry: Geometry | None = None
    preview: npt.NDArray[np.float16] | None = None
    ignored: npt.NDArray[np.bool_] | None = None
    signed: bool = False
    scores_only: bool = False
    contrasts: npt.NDArray[np.float32] | None = None

    @property
    def unsigned_maps(self) -> npt.NDArray[np.float32] | None:
        """(S, H, W) float32, higher is more anomalous, as a protocol without smoothing sees it."""
        return np.abs(self.maps) if self.signed and self.maps is not None else self.maps


def shown_image(masks: npt.NDArray[np.bool_], labels: npt.NDArray[np.bool_] | None) -> int:
    """Which of a subject's images stands for it in pictures, the same for every method.

    Args:
        masks: (S, H, W) bool, foreground.
        labels: (S, H, W) bool, lesions, if there are pixel labels.

    Returns:
        Index of the image with the largest lesion; without lesions, with the largest foreground.
    """
    area = (masks if labels is None or not labels.any() else labels).sum(axis=(1, 2))
    return int(area.argmax())


def _arrays_of(prediction: SubjectPrediction) -> dict[str, npt.NDArray[Any]]:
    """What a file holds, by name; `_assemble` is the way back."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "scores": prediction.scores,
        "masks": np.packbits(prediction.masks),
        "shape": np.asarray(prediction.masks.shape, dtype=np.int64),
        "image_labels": prediction.image_labels,
        "scores_only": np.asarray(prediction.scores_only),
    }
    if prediction.maps is not None:
        arrays["maps"] = prediction.maps
        arrays["signed"] = np.asarray(prediction.signed)
    if prediction.labels is not None:
        arrays["labels"] = np.packbits(prediction.labels)
    if prediction.ignored is not None:
        arrays["ignored"] = np.packbits(prediction.ignored)
    if prediction.geometry is not None:
        geometry = prediction.geometry
        arrays["spacing_mm"] = np.asarray(geometry.spacing_mm, dtype=np.float64)
        arrays["affine"] = geometry.affine
        arrays["input_affine"] = geometry.input_affine
        arrays["input_shape"] = np.asarray(geometry.input_shape, dtype=np.int64)
        arrays["slices"] = geometry.slices
    if prediction.contrasts is not None:
        arrays["contrasts"] = prediction.contrasts
    if prediction.preview is not None:
        arrays["preview"] = prediction.preview
    return arrays


def write_prediction(folder: Path, prediction: SubjectPrediction) -> None:
    """Write one subject's predictions into an existing folder."""
    from zstandard import ZstdCompressor

    path = folder / file_name(prediction.role, prediction.subject)
    partial = path.with_name(f"{path.name}.partial")
    archive = io.BytesIO()
    np.savez(archive, **_arrays_of(prediction))  # type: ignore[arg-type]
    with partial.open("wb") as handle:
        handle.write(ZstdCompressor(level=_LEVEL).compress(archive.getbuffer()))
        handle.flush()
        os.fsync(handle.fileno())
    partial.rename(path)


def without_maps(prediction: SubjectPrediction) -> SubjectPrediction:
    """What is kept of a prediction where its maps are not; scores and truth stay."""
    return replace(prediction, maps=None, signed=False)


def as_read(prediction: SubjectPrediction) -> SubjectPrediction:
    """A copy of a prediction, as it would be read back after it was written.

    Array by array the same values, types and order in memory, so that every number is the same.
    """
    # NumPy's files keep Fortran's order, and make all others C's; so does order "A".
    arrays = {name: np.array(one, order="A") for name, one in _arrays_of(prediction).items()}
    return _assemble(arrays, prediction.subject, prediction.role)


def file_name(role: Role, subject: str) -> str:
    """The name of a subject's file, which is also what subjects are in order of."""
    return f"{role}-{subject}{_FORM}"


def write_index(folder: Path, subjects: Mapping[Role, Sequence[str]]) -> None:
    """Note which subjects' files belong into a folder, and the checksums of all of them.

    A lost or damaged file is noticed later.
    """
    content = {role: sorted(names) for role, names in subjects.items()}
    (folder / _INDEX).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    checksums.seal(folder)


def expected_subjects(folder: Path, record: Record) -> dict[Role, list[str]]:
    """The subjects whose files must be in a cell's folder, by role.

    Args:
        folder: of the cell's predictions.
        record: of the cell; its subjects count where an older bench wrote no index.

    Raises:
        StoreError: the index is damaged.
    """
    path = folder / _INDEX
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"test": list(content["test"]), "validation": list(content["validation"])}
    except FileNotFoundError:
        return {"test": record.subjects.test, "validation": record.subjects.validation}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"the index {path} cannot be read: {type(error).__name__}: {error}", hint=_AGAIN
        ) from error


def require_whole(folder: Path, record: Record) -> None:
    """Refuse a cell's folder that lacks a file of a test or validation subject.

    Raises:
        StoreError: a file is missing, or a file of another subject is among them.
    """
    for role, subjects in expected_subjects(folder, record).items():
        require_subjects(folder, role, subjects)


def require_subjects(folder: Path, role: Role, subjects: Sequence[str]) -> None:
    """Refuse a folder that does not hold exactly these subjects.

    Raises:
        StoreError: a file is missing, or a file of another subject is among them.
    """
    there = {_subject_of(path, role) for path in _files(folder, role)}
    if there != set(subjects):
        missing = sorted(set(subjects) - there)
        odd = sorted(there - set(subjects))
        raise StoreError(
            f"{folder} does not hold the predictions of its cell: "
            f"{counted_of(len(missing), len(subjects), f'{role} subject', 'are')} missing "
            f"{missing[:3]}, unexpected: {odd[:3]}",
            hint=_AGAIN,
        )


def read_predictions(folder: Path, role: Role) -> Iterator[SubjectPrediction]:
    """Read the subjects of one role, one at a time, by id.

    Raises:
        StoreError: a file is damaged.
    """
    for path in _files(folder, role):
        yield _read(path, role)


def read_roles(folder: Path) -> Iterator[SubjectPrediction]:
    """Read all subjects, those of the test first.

    Raises:
        StoreError: a file is damaged.
    """
    yield from read_predictions(folder, "test")
    yield from read_predictions(folder, "validation")


def read_subject(folder: Path, role: Role, subject: str) -> SubjectPrediction | None:
    """Read one subject; None where nothing was kept of it.

    Raises:
        StoreError: the file is damaged.
    """
    for form in (_FORM, _OLD_FORM):
        path = folder / f"{role}-{subject}{form}"
        if path.is_file():
            return _read(path, role)
    return None


def _files(folder: Path, role: Role) -> list[Path]:
    """The files of a role, in the order of their subjects."""
    return sorted(one for form in (_FORM, _OLD_FORM) for one in folder.glob(f"{role}-*{form}"))


def _subject_of(path: Path, role: Role) -> str:
    name = path.name.removeprefix(f"{role}-")
    return name.removesuffix(_FORM if name.endswith(_FORM) else _OLD_FORM)


@cache
def _say_unsealed() -> None:
    """Said once per process: a store may have hundreds of such folders."""
    logging.getLogger("bench.store").warning(
        "predictions of an older bench have no checksums: a changed value in them is not noticed"
    )


def _read(path: Path, role: Role) -> SubjectPrediction:
    from zstandard import ZstdDecompressor

    try:
        content = path.read_bytes()
        if checksums.is_sealed(path.parent):
            checksums.check_content(path.parent, path.name, content)
        else:
            _say_unsealed()
        if path.name.endswith(_FORM):
            content = ZstdDecompressor().decompress(content)
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        return _assemble(arrays, _subject_of(path, role), role)
    except checksums.DamagedFile as error:
        raise StoreError(f"damaged predictions: {error}", hint=_AGAIN) from error
    except Exception as error:  # damage shows as any of Zstandard's, zipfile's or NumPy's
        raise StoreError(
            f"prediction file {path} cannot be read: {type(error).__name__}: {error}",
            hint=_AGAIN,
        ) from error


def _assemble(arrays: dict[str, npt.NDArray[Any]], subject: str, role: Role) -> SubjectPrediction:
    shape = tuple(int(n) for n in arrays["shape"])
    geometry = None
    if "affine" in arrays:
        spacing, grid = arrays["spacing_mm"], arrays["input_shape"]
        geometry = Geometry(
            spacing_mm=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
            affine=arrays["affine"],
            input_affine=arrays["input_affine"],
            input_shape=(int(grid[0]), int(grid[1]), int(grid[2])),
            slices=arrays["slices"],
        )
    return SubjectPrediction(
        subject=subject,
        role=role,
        maps=arrays.get("maps"),
        scores=arrays["scores"],
        masks=_unpack(arrays["masks"], shape),
        labels=_unpack(arrays["labels"], shape) if "labels" in arrays else None,
        ignored=_unpack(arrays["ignored"], shape) if "ignored" in arrays else None,
        image_labels=arrays["image_labels"],
        geometry=geometry,
        preview=arrays.get("preview"),
        signed=bool(arrays.get("signed", False)),
        scores_only=bool(arrays.get("scores_only", False)),
        contrasts=arrays.get("contrasts"),
    )


def _unpack(bits: npt.NDArray[np.generic], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    flat = np.unpackbits(bits.astype(np.uint8), count=int(np.prod(shape)))
    return flat.reshape(shape).astype(bool)
