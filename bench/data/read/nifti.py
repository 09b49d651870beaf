"""Volumes from files: canonical axes, scaled values, and refusal of what cannot be trusted.

A file is read once, in order, a few slices of its slowest axis at a time, so that a volume may be
larger than memory: `bench.data.read.slabs.Slabs` keeps it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError, SpatialImage

from bench.data.read.slabs import PART_VOXELS, Slabs
from bench.errors import DataError

_AGAIN = "fetch or export the file again"
# Two grids are one when their corners agree to a tenth of a voxel: headers keep affines in
# float32, some also as quaternions, so equal grids differ in the last digits.
_GRID_TOLERANCE_VOXELS = 0.1
# A larger grid is a damaged header: one slice of it may be more than memory holds.
_MOST_VOXELS = 2**31


@dataclass(frozen=True)
class Volume:
    """A volume with canonical axes.

    Attributes:
        path: the file, for messages.
        slabs: the scaled values, float32, or bool of a mask, as (slice, row, column): slices from
            below upward, rows from the back to the front, columns from left to right.
        affine: (4, 4) float64, index (x, y, z) to millimetres; x is the column, z the slice.
        stored_affine: (4, 4) float64, index into the file's own array to millimetres.
        stored_shape: shape of the file's own array.
        oriented: the header says where the axes point; where not, nibabel's guess was taken.
    """

    path: Path
    slabs: Slabs
    affine: npt.NDArray[np.float64]
    stored_affine: npt.NDArray[np.float64]
    stored_shape: tuple[int, int, int]
    oriented: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """(X, Y, Z)."""
        slices, rows, columns = self.slabs.shape
        return columns, rows, slices

    @property
    def data(self) -> npt.NDArray[Any]:
        """(X, Y, Z), all of it in memory, not to be changed."""
        return self.slabs.read(0, self.slabs.shape[0]).transpose(2, 1, 0)

    @property
    def voxel_mm(self) -> npt.NDArray[np.float64]:
        """(3,) float64, voxel size along x, y, z in millimetres."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0), dtype=np.float64)


def read_volume(path: Path, *, allow_zero: bool = False, scratch: Path | None = None) -> Volume:
    """Read a volume and turn its axes to the nearest canonical ones (RAS+).

    The axes are permuted and flipped, never resampled: an oblique volume stays oblique.

    Args:
        path: a file that nibabel reads as a volume, of three axes, or four with one volume.
        allow_zero: accept a volume without any non-zero voxel (an empty label).
        scratch: folder for what is larger than memory should hold; None for the system's.

    Raises:
        DataError: unreadable, truncated, not a grey volume, NaN or infinite values, all zero,
            or an affine that maps to no space.
        StoreError: no room in ``scratch``.
    """
    return _read(path, np.float32, allow_zero, scratch)


def read_mask(path: Path, like: Volume, scratch: Path | None = None) -> Volume:
    """Read a label or a foreground mask on the grid of its image.

    Args:
        path: the file; what is not zero is True. It may be empty.
        like: the image it belongs to.
        scratch: as of `read_volume`.

    Returns:
        A volume of bool on the grid of ``like``.

    Raises:
        DataError: as `read_volume`, or the grids differ.
        StoreError: no room in ``scratch``.
    """
    mask = _read(path, np.bool_, True, scratch)
    require_same_grid(mask, like)
    return mask


def require_same_grid(one: Volume, other: Volume) -> None:
    """Refuse two volumes whose voxels do not lie upon each other.

    Raises:
        DataError: naming both files and how they differ.
    """
    if one.shape != other.shape:
        difference = f"{_size(one)} voxels against {_size(other)}"
    else:
        ends = np.meshgrid(*[(0.0, n - 1.0) for n in one.shape])
        corners = np.stack([*ends, np.ones_like(ends[0])]).reshape(4, -1)
        apart = np.linalg.norm((one.affine - other.affine) @ corners, axis=0).max()
        if apart <= _GRID_TOLERANCE_VOXELS * other.voxel_mm.min():
            return
        difference = f"corners up to {apart:.2f} mm apart"
    raise DataError(
        f"{one.path} lies on another grid than {other.path} ({difference}); expected one grid",
        hint="resample one onto the other, labels and masks by nearest neighbour",
    )


def _size(volume: Volume) -> str:
    return " x ".join(str(n) for n in volume.shape)


def _read(path: Path, dtype: type[np.generic], allow_zero: bool, scratch: Path | None) -> Volume:
    image = _open(path)
    affine = _affine(path, image)
    shape = _shape(path, image)
    turn = io_orientation(affine)  # type: ignore[no-untyped-call]
    canonical = [shape[int(np.flatnonzero(turn[:, 0] == axis)[0])] for axis in (2, 1, 0)]
    slabs = Slabs((canonical[0], canonical[1], canonical[2]), dtype, scratch)
    strange, nonzero = 0, False
    for start, data in _slabs(path, image, shape):
        if not np.isfinite(data).all():
            strange += int(np.count_nonzero(~np.isfinite(data)))
        nonzero = nonzero or bool(data.any())
        turned = apply_orientation(data, turn)  # type: ignore[no-untyped-call]
        first = start if turn[2, 1] > 0 else shape[2] - start - data.shape[2]
        slabs.write(2 - int(turn[2, 0]), first, turned.transpose(2, 1, 0))
    if strange:
        raise DataError(
            f"{path} holds {strange} NaN or infinite voxels, expected finite values",
            hint="replace them, by 0 outside the brain, and save the file again",
        )
    if not (nonzero or allow_zero):
        raise DataError(f"{path} is zero everywhere, expected an image", hint=_AGAIN)
    back = inv_ornt_aff(turn, shape)  # type: ignore[no-untyped-call]
    return Volume(path, slabs, affine @ back, affine, shape, _oriented(image))


def _open(path: Path) -> SpatialImage:
    try:
        # Kept open, so that a compressed file is unpacked once and not from the start for each
        # slab; not mapped, because pages of a map count as memory in use.
        image = nibabel.load(path, mmap=False, keep_file_open=True)
    except (OSError, EOFError, zlib.error, ValueError, ImageFileError, HeaderDataError) as error:
        raise DataError(
            f"{path} cannot be read as a volume: {_reason(error)}", hint=_AGAIN
        ) from error
    if not isinstance(image, SpatialImage):
        raise DataError(f"{path} is a {type(image).__name__}, expected a volume", hint=_AGAIN)
    return image


def _affine(path: Path, image: SpatialImage) -> npt.NDArray[np.float64]:
    affine = image.affine
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-9:
        raise DataError(
            f"the header of {path} has no usable affine, expected one that maps voxels to"
            " millimetres",
            hint="repair the header (sform or qform) from the scanner's export",
        )
    return np.asarray(affine, dtype=np.float64)


def _oriented(image: SpatialImage) -> bool:
    header: Any = image.header
    codes = [header[name] for name in ("sform_code", "qform_code") if name in header]
    return not codes or any(int(code) > 0 for code in codes)


def _shape(path: Path, image: SpatialImage) -> tuple[int, int, int]:
    shape, kind = image.shape, image.get_data_dtype().kind
    if kind not in "iufb":
        raise DataError(
            f"{path} holds {image.get_data_dtype()} values, expected grey ones", hint=_AGAIN
        )
    if len(shape) < 3 or any(n != 1 for n in shape[3:]):
        raise DataError(
            f"{path} has shape {shape}, expected one volume of three axes",
            hint="split a series into one file per volume",
        )
    if not 0 < np.prod(shape, dtype=np.float64) < _MOST_VOXELS:
        raise DataError(f"the header of {path} claims the shape {shape}", hint=_AGAIN)
    return int(shape[0]), int(shape[1]), int(shape[2])


def _slabs(
    path: Path, image: SpatialImage, shape: tuple[int, int, int]
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """A few slices of the file's slowest axis at a time: where they begin, and (i, j, n) values."""
    thick = max(1, PART_VOXELS // (shape[0] * shape[1]))
    for start in range(0, shape[2], thick):
        part = slice(start, min(start + thick, shape[2]))
        where = (slice(None), slice(None), part, *[0] * (len(image.shape) - 3))
        try:
            yield start, np.asarray(image.dataobj[where], dtype=np.float32)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise DataError(
                f"{path} is truncated or damaged: {_reason(error)}", hint=_AGAIN
            ) from error


def _reason(error: BaseException) -> str:
    """The system's reason without the path, which the message names already."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
