"""Volumes from files: canonical axes, scaled values, and refusal of what cannot be trusted."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError, SpatialImage

from bench.errors import DataError

_AGAIN = "fetch or export the file again"
# Two grids are one when their corners agree to a tenth of a voxel: headers keep affines in
# float32, some also as quaternions, so equal grids differ in the last digits.
_GRID_TOLERANCE_VOXELS = 0.1
# A larger grid is a damaged header; reading it would fail for want of memory.
_MOST_VOXELS = 2**31


@dataclass(frozen=True)
class Volume:
    """A volume with canonical axes.

    Attributes:
        path: the file, for messages.
        data: (X, Y, Z) float32, scaled values; x rises to the right, y to the front, z upward.
        affine: (4, 4) float64, index into ``data`` to millimetres.
        stored_affine: (4, 4) float64, index into the file's own array to millimetres.
        stored_shape: shape of the file's own array.
        oriented: the header says where the axes point; where not, nibabel's guess was taken.
    """

    path: Path
    data: npt.NDArray[np.float32]
    affine: npt.NDArray[np.float64]
    stored_affine: npt.NDArray[np.float64]
    stored_shape: tuple[int, int, int]
    oriented: bool = True

    @property
    def voxel_mm(self) -> npt.NDArray[np.float64]:
        """(3,) float64, voxel size along x, y, z in millimetres."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0), dtype=np.float64)


def read_volume(path: Path, *, allow_zero: bool = False) -> Volume:
    """Read a volume and turn its axes to the nearest canonical ones (RAS+).

    The axes are permuted and flipped, never resampled: an oblique volume stays oblique.

    Args:
        path: a file that nibabel reads as a volume, of three axes, or four with one volume.
        allow_zero: accept a volume without any non-zero voxel (an empty label).

    Raises:
        DataError: unreadable, truncated, not a grey volume, NaN or infinite values, all zero,
            or an affine that maps to no space.
    """
    image = _open(path)
    affine = _affine(path, image)
    data = _values(path, image)
    if not np.isfinite(data).all():
        count = int(np.count_nonzero(~np.isfinite(data)))
        raise DataError(
            f"{path} holds {count} NaN or infinite voxels, expected finite values",
            hint="replace them, by 0 outside the brain, and save the file again",
        )
    if not allow_zero and not data.any():
        raise DataError(f"{path} is zero everywhere, expected an image", hint=_AGAIN)
    turn = io_orientation(affine)  # type: ignore[no-untyped-call]
    turned = apply_orientation(data, turn)  # type: ignore[no-untyped-call]
    back = inv_ornt_aff(turn, data.shape)  # type: ignore[no-untyped-call]
    return Volume(
        path=path,
        data=np.ascontiguousarray(turned, dtype=np.float32),
        affine=affine @ back,
        stored_affine=affine,
        stored_shape=(data.shape[0], data.shape[1], data.shape[2]),
        oriented=_oriented(image),
    )


def read_mask(path: Path, like: Volume) -> npt.NDArray[np.bool_]:
    """Read a label or a foreground mask on the grid of its image.

    Args:
        path: the file; what is not zero is True. It may be empty.
        like: the image it belongs to.

    Returns:
        (X, Y, Z) bool on the grid of ``like``.

    Raises:
        DataError: as `read_volume`, or the grids differ.
    """
    mask = read_volume(path, allow_zero=True)
    require_same_grid(mask, like)
    return np.asarray(mask.data != 0)


def require_same_grid(one: Volume, other: Volume) -> None:
    """Refuse two volumes whose voxels do not lie upon each other.

    Raises:
        DataError: naming both files and how they differ.
    """
    if one.data.shape != other.data.shape:
        difference = f"{_size(one)} voxels against {_size(other)}"
    else:
        ends = np.meshgrid(*[(0.0, n - 1.0) for n in one.data.shape])
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
    return " x ".join(str(n) for n in volume.data.shape)


def _open(path: Path) -> SpatialImage:
    try:
        image = nibabel.load(path)
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


def _values(path: Path, image: SpatialImage) -> npt.NDArray[np.float32]:
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
    try:
        data = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{path} is truncated or damaged: {_reason(error)}", hint=_AGAIN) from error
    return data.reshape(shape[:3])


def _reason(error: BaseException) -> str:
    """The system's reason without the path, which the message names already."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
