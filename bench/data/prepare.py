"""From volumes to stacks of axial images on a common grid, cached by content.

Every value follows from one subject alone: no statistic of other subjects, of labels or of the
test set enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.cards import AnyPreparation, Preparation
from bench.data.files import SubjectFiles
from bench.data.fingerprint import fingerprint_files
from bench.data.nifti import Volume, read_mask, read_volume, require_same_grid
from bench.data.prepare_pictures import prepare_pictures
from bench.data.resample import Axis, linear, masked, nearest
from bench.data.stored import (
    BoolArray,
    FloatArray,
    PreparedSubject,
    read_subject,
    stack_subjects,
    subject_folder,
    write_subject,
)
from bench.data.version import PREPARATION_VERSION
from bench.errors import DataError, StoreError
from bench.keys import key_of
from bench.predictions import Geometry

__all__ = ["PREPARATION_VERSION", "PreparedSubject", "prepare_subject", "stack_subjects"]

# More foreground than this outside the common grid is a loss of data, not a rim.
_MOST_CROPPED = 0.005


def prepare_subject(
    files: SubjectFiles,
    *,
    channels: Sequence[str],
    preparation: AnyPreparation,
    size: int,
    lesion_free: bool,
    with_label: bool,
    cache: Path,
) -> PreparedSubject:
    """Prepare one subject, or open it where the cache has it.

    Pictures as `bench.data.prepare_pictures.prepare_pictures` says; volumes so:

    Canonical axes by the affine; foreground by the given mask, else wherever any channel is not
    0; intensities of each channel scaled linearly so that the card's percentiles of the
    foreground become 0 and 1; the centre of mass of the foreground in the centre of the common
    grid; each output voxel interpolated once, from the input, by normalised convolution.

    The centre of mass, not the centre of the bounding box, because an imperfect mask moves it
    less: over 40 subjects of MSLUB, IXI and OASIS-1, measured against the best translation onto
    the MNI brain, its standard deviation was 0.2, 2.5, 1.6 mm in x, y, z (bounding box: 1.1, 2.4,
    2.7 mm).

    Args:
        files: the subject's files.
        channels: modalities that become the channels, in order.
        preparation: of the task's dataset.
        size: side of the images in pixels.
        lesion_free: keep only slices that no lesion voxel lies in or next to.
        with_label: whether to prepare the label.
        cache: the cache folder.

    Returns:
        The subject's stack; of a volume without holes, unless ``lesion_free`` drops slices.

    Raises:
        DataError: a file is missing or cannot be trusted, channels on several grids, no
            foreground, a constant image, or a brain that does not fit in the common grid.
        StoreError: the cache cannot be written.
    """
    needs_label = with_label or lesion_free
    _require_files(files, channels, needs_label)
    _require_kind(files, preparation)
    used = list(files.roles(channels, with_label=needs_label))
    shas = fingerprint_files([path for _, path in used], cache)
    recipe = {
        "version": PREPARATION_VERSION,
        "files": [[role, shas[path]] for role, path in used],
        "channels": list(channels),
        "preparation": preparation.model_dump(mode="json"),
        "size": size,
        "lesion_free": lesion_free,
        "with_label": with_label,
    }
    folder = subject_folder(cache, key_of(recipe))
    prepared = read_subject(folder, files.subject)
    if prepared is None:
        geometry: Geometry | None = None
        if isinstance(preparation, Preparation):
            arrays, geometry = _prepare(
                files, channels, preparation, size, lesion_free, needs_label
            )
        else:
            arrays = prepare_pictures(
                files,
                channels,
                preparation,
                size,
                lesion_free=lesion_free,
                with_label=with_label,
                cache=cache,
            )
        if not with_label:
            arrays.pop("labels", None)
        write_subject(folder, arrays, geometry, recipe)
        prepared = read_subject(folder, files.subject)
    if prepared is None:
        raise StoreError(f"the cache entry {folder} is removed as fast as it is written")
    return prepared


def _require_files(files: SubjectFiles, channels: Sequence[str], needs_label: bool) -> None:
    lacking = [one for one in channels if files.lacks(one)]
    if needs_label and not files.pictures and files.label is None:
        lacking.append("label")
    if lacking:
        raise DataError(
            f"subject {files.subject!r} of {files.dataset!r} has no {', no '.join(lacking)}",
            hint=f"see what is there with: bench data check {files.dataset}",
        )


def _require_kind(files: SubjectFiles, preparation: AnyPreparation) -> None:
    if bool(files.pictures) == isinstance(preparation, Preparation):
        kinds = ("2-D images", "volumes") if files.pictures else ("volumes", "2-D images")
        raise DataError(
            f"dataset {files.dataset!r} holds {kinds[0]}, but the task prepares {kinds[1]}",
            hint="choose another training source with --train-on",
        )


def _prepare(
    files: SubjectFiles,
    channels: Sequence[str],
    preparation: Preparation,
    size: int,
    lesion_free: bool,
    needs_label: bool,
) -> tuple[dict[str, npt.NDArray[Any]], Geometry]:
    volumes = [read_volume(files.images[one]) for one in channels]
    first = volumes[0]
    for other in volumes[1:]:
        require_same_grid(other, first)
    inside = _foreground(files, volumes)
    label = None
    if needs_label and files.label is not None:
        label = _upright(read_mask(files.label, first))
    grid = _Places.of(first, inside, preparation, size)
    _require_fit(first, inside, grid)

    # Cropping to the foreground changes nothing: all beyond it counts as 0.
    box = _bounding_box(inside)
    start = [one.start for one in box]
    small = _upright(inside[box]).astype(np.float32)
    stack = _slice_range(small, grid.cropped(grid.common, start), preparation, first)
    places = grid.of_slices(stack)
    kept: BoolArray = np.ones(len(stack), dtype=np.bool_)
    if lesion_free and label is not None:
        kept = ~_touched(label, places.common[0])
    scaled = [_upright(_scaled(one, inside, preparation)[box]) for one in volumes]
    images, masks = masked(scaled, small, places.cropped(places.resized, start))
    arrays: dict[str, npt.NDArray[Any]] = {
        "images": np.stack(images, axis=1)[kept],
        "masks": masks[kept],
        "image_labels": np.zeros(np.count_nonzero(kept), dtype=np.bool_),
    }
    if label is not None:
        arrays["labels"] = nearest(label, places.resized)[kept]
        lesions = nearest(label, places.common)[kept]
        arrays["image_labels"] = np.asarray(lesions.any(axis=(1, 2)))
    return arrays, grid.geometry(first, np.asarray(stack, dtype=np.int64)[kept])


# --- places -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Places:
    """Where the output lies in a canonical volume; axes in output order (slice, row, column).

    Attributes:
        common: axes of the common grid.
        resized: the same with rows and columns of the final size.
        spacing_mm: of the final images, (row, column, slice).
    """

    common: tuple[Axis, Axis, Axis]
    resized: tuple[Axis, Axis, Axis]
    spacing_mm: tuple[float, float, float]

    @classmethod
    def of(cls, volume: Volume, inside: BoolArray, preparation: Preparation, size: int) -> _Places:
        centre = _centre_of_mass(inside)
        extent = [n * mm for n, mm in zip(preparation.grid, preparation.spacing_mm, strict=True)]

        def axis(along: int, length: int, sign: int) -> Axis:
            pixel = extent[along] / length / volume.voxel_mm[along]
            return Axis(centre[along] - sign * pixel * (length - 1) / 2, sign * pixel, length)

        def axes(rows: int, columns: int) -> tuple[Axis, Axis, Axis]:
            # The front of the head is the first row, so rows run against y.
            return axis(2, preparation.grid[2], 1), axis(1, rows, -1), axis(0, columns, 1)

        return cls(
            common=axes(preparation.grid[1], preparation.grid[0]),
            resized=axes(size, size),
            spacing_mm=(extent[1] / size, extent[0] / size, preparation.spacing_mm[2]),
        )

    def of_slices(self, stack: range) -> _Places:
        """Only some slices of the common grid."""
        slices = self.common[0].part(stack)
        return replace(self, common=(slices, *self.common[1:]), resized=(slices, *self.resized[1:]))

    @staticmethod
    def cropped(axes: Sequence[Axis], start: Sequence[int]) -> tuple[Axis, ...]:
        """The same places in a volume that was cropped at ``start`` (x, y, z)."""
        return tuple(one.shifted(begin) for one, begin in zip(axes, reversed(start), strict=True))

    def geometry(self, volume: Volume, keep: npt.NDArray[np.int64]) -> Geometry:
        slices, rows, columns = self.resized
        inward = np.array(
            [
                [0, columns.step, 0, columns.first],
                [rows.step, 0, 0, rows.first],
                [0, 0, slices.step, slices.first],
                [0, 0, 0, 1],
            ],
            dtype=np.float64,
        )
        return Geometry(
            spacing_mm=self.spacing_mm,
            affine=volume.affine @ inward,
            input_affine=volume.stored_affine,
            input_shape=volume.stored_shape,
            slices=keep,
        )


def _require_fit(volume: Volume, inside: BoolArray, places: _Places) -> None:
    """Refuse a brain of which the common grid would cut off more than a rim."""
    window = []
    for axis in reversed(places.common):
        ends = sorted((axis.first - axis.step / 2, axis.first + axis.step * (axis.length - 0.5)))
        window.append(slice(max(0, int(np.ceil(ends[0]))), max(0, int(np.floor(ends[1])) + 1)))
    total = np.count_nonzero(inside)
    lost = 1 - np.count_nonzero(inside[tuple(window)]) / total
    if lost > _MOST_CROPPED:
        box = [one.stop - one.start for one in _bounding_box(inside)]
        extent = " x ".join(f"{n * mm:.0f}" for n, mm in zip(box, volume.voxel_mm, strict=True))
        room = " x ".join(
            f"{abs(axis.step) * axis.length * mm:.0f}"
            for axis, mm in zip(reversed(places.common), volume.voxel_mm, strict=True)
        )
        raise DataError(
            f"the foreground of {volume.path} spans {extent} mm; {100 * lost:.1f} % of it lies"
            f" outside the common grid of {room} mm around its centre of mass (at most"
            f" {100 * _MOST_CROPPED} % may)",
            hint="strip the skull or give a brain mask; else enlarge grid in the card's"
            " [preparation]",
        )


# --- foreground, intensities and slices ---------------------------------------------------------


def _foreground(files: SubjectFiles, volumes: Sequence[Volume]) -> BoolArray:
    if files.mask is None:
        return np.asarray(np.any([one.data != 0 for one in volumes], axis=0))
    inside = read_mask(files.mask, volumes[0])
    if not inside.any():
        raise DataError(
            f"the mask {files.mask} is empty, expected a brain",
            hint="make the mask again with a skull-stripping tool",
        )
    return inside


def _scaled(volume: Volume, inside: BoolArray, preparation: Preparation) -> FloatArray:
    """Percentiles of the foreground become 0 and 1; 0 outside."""
    low, high = (float(one) for one in np.percentile(volume.data[inside], preparation.percentiles))
    if not high > low:
        raise DataError(
            f"{volume.path} is constant in its foreground: percentiles"
            f" {preparation.percentiles[0]:g} and {preparation.percentiles[1]:g} are both {low:g}",
            hint="check that the file is an image and no mask",
        )
    scaled = (volume.data - np.float32(low)) / np.float32(high - low)
    scaled[~inside] = 0
    return scaled


def _slice_range(
    inside: FloatArray, axes: Sequence[Axis], preparation: Preparation, volume: Volume
) -> range:
    """All slices between the first and the last with enough foreground on the common grid."""
    share = (linear(inside, axes) >= 0.5).mean(axis=(1, 2))
    enough = np.flatnonzero(share >= preparation.min_foreground)
    if enough.size == 0:
        raise DataError(
            f"no slice of {volume.path} has {100 * preparation.min_foreground:g} % foreground;"
            f" the largest share is {100 * share.max():.2g} %",
            hint="check the foreground mask, the voxel size in the header, and min_foreground",
        )
    return range(int(enough[0]), int(enough[-1]) + 1)


def _touched(label: BoolArray, slices: Axis) -> BoolArray:
    """Slices whose interpolated intensities a lesion voxel has part in.

    Also those beside a thin lesion between two slices, which the label on the grid would miss.
    """
    lesion = np.flatnonzero(label.any(axis=(1, 2)))
    if lesion.size == 0:
        return np.zeros(slices.length, dtype=np.bool_)
    apart = np.abs(slices.positions[:, None] - lesion[None, :]).min(axis=1)
    return np.asarray(apart < max(slices.step, 1.0))


def _upright(volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """From (x, y, z) to (slice, row, column); the direction of rows is the axes' business."""
    return np.ascontiguousarray(volume.transpose(2, 1, 0))


def _bounding_box(inside: BoolArray) -> tuple[slice, slice, slice]:
    found = []
    for axis in range(3):
        hit = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        found.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return found[0], found[1], found[2]


def _centre_of_mass(inside: BoolArray) -> list[float]:
    centre = []
    for axis in range(3):
        count = np.count_nonzero(inside, axis=tuple(o for o in range(3) if o != axis))
        centre.append(float(np.average(np.arange(inside.shape[axis]), weights=count)))
    return centre
