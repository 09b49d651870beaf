"""Prepared arrays in the cache: one folder per subject, and stacks of many subjects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray, FloatArray
from bench.data.cache.eviction import evict
from bench.data.cache.folder import discard_folder, touch
from bench.data.cache.kinds import CacheKind
from bench.data.cache.sealed import DAMAGE, is_whole, kept_on_trouble, sealed_folder
from bench.data.lesion_counts import Truth
from bench.errors import DataError, StoreError
from bench.geometry import Geometry
from bench.keys import key_of

_DTYPES = {
    "images": np.float32,
    "masks": np.bool_,
    "labels": np.bool_,
    "ignored": np.bool_,
    "image_labels": np.bool_,
}


@dataclass(frozen=True)
class Foreground:
    """How a volume, or the 2-D images of a subject, were cut from their background.

    Attributes:
        backgrounds: value around the brain, of each channel; of 2-D images all values that were
            found, sorted; empty where a mask was given.
        share: of the voxels of the volume, or of the pixels of all images, 0 to 1.
        of: what it is the share of.
    """

    backgrounds: tuple[float, ...]
    share: float
    of: Literal["volume", "image"] = "volume"


Check = Literal["all", "description"]


@dataclass(frozen=True)
class PreparedSubject:
    """The images of one subject, in order from below upward.

    Attributes:
        key: sha256 of everything the arrays follow from; the name of the cache entry.
        subject: id within the dataset.
        images: (S, C, H, W) float32, read-only and memory-mapped; rows run from the front of
            the head to its back, columns from the patient's left to the right. The card's
            percentiles of the foreground are 0 and 1; exactly 0 outside the foreground.
        masks: (S, H, W) bool, foreground.
        labels: (S, H, W) bool, True is lesion; None where labels were not asked for.
        image_labels: (S,) bool, whether a lesion is in the image, on the common grid or on the
            resized one; all False where labels were not read.
        geometry: where the stack lies in the input; None for 2-D images.
        truth: what of the lesions is kept; None where there are no pixel labels.
        ignored: (S, H, W) bool, pixels that are neither lesion nor known to be normal; None
            where there are none.
        foreground: what of the volume or the images is foreground; None where the card says that
            all of an image is.
        dropped: how many images were left out because they, or their slice, have a lesion; 0
            unless only lesion-free ones were asked for.
        notes: what was odd about the files, a problem and its remedy each.
    """

    key: str
    subject: str
    images: FloatArray
    masks: BoolArray
    labels: BoolArray | None
    image_labels: BoolArray
    geometry: Geometry | None
    truth: Truth | None = None
    ignored: BoolArray | None = None
    foreground: Foreground | None = None
    dropped: int = 0
    notes: tuple[tuple[str, str], ...] = ()


def subject_folder(cache: Path, key: str) -> Path:
    """Where a prepared subject lies."""
    return CacheKind.prepared.folder(cache) / key


def write_subject(
    folder: Path,
    arrays: dict[str, npt.NDArray[Any]],
    geometry: Geometry | None,
    truth: Truth | None,
    recipe: Any,  # noqa: ANN401
    foreground: Foreground | None = None,
    dropped: int = 0,
    notes: Sequence[tuple[str, str]] = (),
) -> None:
    """Write an entry; if another process was faster, its entry stays.

    Args:
        folder: final folder.
        arrays: by name as in `PreparedSubject`; ``labels`` may be left out.
        geometry: of the stack, None for 2-D images.
        truth: what of the lesions is kept.
        recipe: what the arrays follow from, for who looks into the cache.
        foreground: as of `PreparedSubject`.
        dropped: as of `PreparedSubject`.
        notes: as of `PreparedSubject`.

    Raises:
        StoreError: the cache cannot be written.
    """
    meta = {
        "recipe": recipe,
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
        "geometry": None if geometry is None else _place(geometry),
        "truth": None if truth is None else asdict(truth),
        "foreground": None if foreground is None else asdict(foreground),
        "dropped": dropped,
        "notes": [list(one) for one in notes],
    }
    with sealed_folder(folder) as partial:
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array, allow_pickle=False)
        (partial / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    evict(folder.parent.parent, sum(array.nbytes for array in arrays.values()))


def _place(geometry: Geometry) -> dict[str, Any]:
    return {
        "spacing_mm": list(geometry.spacing_mm),
        "affine": geometry.affine.tolist(),
        "input_affine": geometry.input_affine.tolist(),
        "input_shape": list(geometry.input_shape),
        "slices": geometry.slices.tolist(),
    }


def read_subject(folder: Path, subject: str, *, check: Check = "all") -> PreparedSubject | None:
    """Open an entry: its files are compared with their checksums, its arrays are mapped.

    Args:
        folder: of the entry.
        subject: id within the dataset.
        check: whether to compare ``all`` files or only the ``description``, for callers that do
            not look at the values of the arrays: that reads kilobytes instead of megabytes.

    Returns:
        None where there is none; a damaged entry is removed, so that it can be made again.

    Raises:
        StoreError: the system cannot read it (too many open files, no permission, a failing
            disk); the entry stays.
    """
    if not is_whole(folder, ("meta.json",) if check == "description" else ()):
        return None
    try:
        with kept_on_trouble(folder):
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
            arrays = {
                name: _open(folder / f"{name}.npy", tuple(shape), _DTYPES[name])
                for name, shape in meta["shapes"].items()
            }
        place, dropped = meta["geometry"], meta.get("dropped", 0)
        if "dropped" not in meta and meta["recipe"]["lesion_free"]:
            discard_folder(folder)  # of an older bench, which did not count
            return None
        touch(folder)
        return PreparedSubject(
            key=folder.name,
            subject=subject,
            images=arrays["images"],
            masks=arrays["masks"],
            labels=arrays.get("labels"),
            ignored=arrays.get("ignored"),
            image_labels=arrays["image_labels"],
            geometry=None if place is None else _geometry(place),
            truth=None if meta["truth"] is None else Truth(**meta["truth"]),
            foreground=_foreground(meta.get("foreground")),
            dropped=int(dropped),
            notes=tuple((problem, remedy) for problem, remedy in meta.get("notes", [])),
        )
    except DAMAGE:
        discard_folder(folder)
        return None


def _foreground(kept: dict[str, Any] | None) -> Foreground | None:
    if kept is None:
        return None
    of: Literal["volume", "image"] = "image" if kept.get("of") == "image" else "volume"
    return Foreground(tuple(kept["backgrounds"]), float(kept["share"]), of)


def _geometry(place: dict[str, Any]) -> Geometry:
    return Geometry(
        spacing_mm=tuple(place["spacing_mm"]),
        affine=np.asarray(place["affine"], dtype=np.float64),
        input_affine=np.asarray(place["input_affine"], dtype=np.float64),
        input_shape=tuple(place["input_shape"]),
        slices=np.asarray(place["slices"], dtype=np.int64),
    )


def stack_subjects(
    prepared: Sequence[PreparedSubject], cache: Path
) -> tuple[FloatArray, BoolArray]:
    """All images of some subjects as one pair of memory-mapped arrays.

    The arrays are written once to the cache, one subject at a time, so that memory stays flat
    however many subjects there are.

    Args:
        prepared: subjects of one size and one number of channels; their order is kept.
        cache: the cache folder they were prepared in.

    Returns:
        images (N, C, H, W) float32 and masks (N, H, W) bool, read-only.

    Raises:
        DataError: no image at all.
        StoreError: the cache cannot be written.
    """
    count = sum(len(one.images) for one in prepared)
    if count == 0:
        raise DataError("no normal image is left to learn from: every slice holds a lesion")
    folder = _stack_folder(prepared, cache)
    shapes = {
        "images": (count, *prepared[0].images.shape[1:]),
        "masks": (count, *prepared[0].masks.shape[1:]),
    }
    arrays = _read_stack(folder, shapes)
    if arrays is None:
        with sealed_folder(folder) as partial:
            for name, shape in shapes.items():
                _write_stack(partial / f"{name}.npy", shape, name, prepared, cache)
        evict(cache, sum(4 * int(np.prod(shape)) for shape in shapes.values()))
        arrays = _read_stack(folder, shapes)
    if arrays is None:
        raise StoreError(f"the cache entry {folder} was removed as soon as it was written")
    return arrays["images"], arrays["masks"]


def has_stack(prepared: Sequence[PreparedSubject], cache: Path) -> bool:
    """Whether the stack of some subjects is in the cache and undamaged.

    If it is, `stack_subjects` does not look at the subjects' own arrays.

    Args:
        prepared: as for `stack_subjects`.
        cache: the cache folder.
    """
    return is_whole(_stack_folder(prepared, cache))


def _stack_folder(prepared: Sequence[PreparedSubject], cache: Path) -> Path:
    return CacheKind.stacks.folder(cache) / key_of([one.key for one in prepared])


def _read_stack(
    folder: Path, shapes: dict[str, tuple[int, ...]]
) -> dict[str, npt.NDArray[Any]] | None:
    if not is_whole(folder):
        return None
    try:
        touch(folder)
        with kept_on_trouble(folder):
            return {n: _open(folder / f"{n}.npy", shape, _DTYPES[n]) for n, shape in shapes.items()}
    except DAMAGE:
        discard_folder(folder)
        return None


def _write_stack(
    path: Path,
    shape: tuple[int, ...],
    name: str,
    prepared: Sequence[PreparedSubject],
    cache: Path,
) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(_DTYPES[name]))
    with path.open("wb") as handle:
        np.lib.format.write_array_header_1_0(
            handle, {"descr": descr, "fortran_order": False, "shape": shape}
        )
        for one in prepared:
            # Read, not mapped: pages of a map stay in this process's memory. An entry that was
            # evicted meanwhile lives on in the map.
            try:
                array = np.load(subject_folder(cache, one.key) / f"{name}.npy", allow_pickle=False)
            except FileNotFoundError:
                array = getattr(one, name)
            handle.write(array.tobytes())


def _open(path: Path, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{path} is {array.shape} {array.dtype}, expected {shape} {dtype}")
    return array
