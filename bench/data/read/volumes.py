"""Volumes from files: canonical axes, scaled values, and refusal of what cannot be trusted.

A file is read once, in order, a few slices of its slowest axis at a time, so that a volume may be
larger than memory: `bench.data.read.slabs.Slabs` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from bench.data.read.contract import OpenVolume
from bench.data.read.damage import AGAIN, damage, undamaged
from bench.data.read.formats import format_of
from bench.data.read.grids import GRID_TOLERANCE_VOXELS, farthest
from bench.data.read.label_values import WholeValues
from bench.data.read.slabs import PART_VOXELS, Slabs
from bench.errors import DataError

# A larger grid is a damaged header: one slice of it may be more than memory holds.
_MOST_VOXELS = 2**31
# Headers in float32 are this far from right angles; a tilt of one degree is 150 times as far.
_RIGHT_ANGLES = 1e-6


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
        values: of a label or a mask, the values in its file, sorted; empty for an image.
    """

    path: Path
    slabs: Slabs
    affine: npt.NDArray[np.float64]
    stored_affine: npt.NDArray[np.float64]
    stored_shape: tuple[int, int, int]
    oriented: bool = True
    values: tuple[float, ...] = ()

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

    @property
    def shear(self) -> float:
        """Volume of a voxel by the product of its sides; 1 where the axes are at right angles."""
        share = abs(float(np.linalg.det(self.affine[:3, :3]))) / float(np.prod(self.voxel_mm))
        return share if share < 1 - _RIGHT_ANGLES else 1.0


def read_volume(path: Path, scratch: Path | None = None) -> Volume:
    """Read a volume and turn its axes to the nearest canonical ones (RAS+).

    The axes are permuted and flipped, never resampled: an oblique volume stays oblique.

    Args:
        path: of a suffix that `bench.data.read.formats` knows.
        scratch: folder for what is larger than memory should hold; None for the system's.

    Raises:
        DataError: unreadable, truncated, not a grey volume, NaN or infinite values, all zero,
            or an affine that maps to no space.
        StoreError: no room in ``scratch``.
    """
    return _read(path, np.float32, None, scratch)


def read_label_volume(path: Path, scratch: Path | None = None, *, named: bool = False) -> Volume:
    """Read a label or a mask with its values, whole numbers; it may be empty.

    Args:
        path: as of `read_volume`.
        scratch: as of `read_volume`.
        named: the card names the values that count, so shades between them may stand there.

    Raises:
        DataError: as `read_volume`, or it is soft: with values that interpolation left.
        StoreError: no room in ``scratch``.
    """
    return _read(path, np.float32, WholeValues(path, named=named), scratch)


def read_mask(path: Path, like: Volume, scratch: Path | None = None) -> Volume:
    """Read a label or a foreground mask on the grid of its image.

    Args:
        path: the file; what is not zero is True. It may be empty.
        like: the image it belongs to.
        scratch: as of `read_volume`.

    Returns:
        A volume of bool on the grid of ``like``.

    Raises:
        DataError: as `read_label_volume`, or the grids differ.
        StoreError: no room in ``scratch``.
    """
    mask = _read(path, np.bool_, WholeValues(path), scratch)
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
        apart = farthest(one.affine - other.affine, one.shape)
        if apart <= GRID_TOLERANCE_VOXELS * other.voxel_mm.min():
            return
        difference = f"corners up to {apart:.2f} mm apart"
    raise DataError(
        f"{one.path} lies on another grid than {other.path} ({difference}); expected one grid",
        hint="resample one onto the other, labels and masks by nearest neighbour",
    )


def _size(volume: Volume) -> str:
    return " x ".join(str(n) for n in volume.shape)


def open_volume(path: Path) -> OpenVolume:
    """Read a volume's header with the reader of its suffix.

    Raises:
        DataError: no reader knows the suffix, or the header is damaged.
    """
    known = format_of(path, "volume")
    reader = known.volume_reader()
    known.companions(path)
    with damage(path, "cannot be read as a volume"):
        return reader(path)


def _read(
    path: Path, dtype: type[np.generic], whole: WholeValues | None, scratch: Path | None
) -> Volume:
    """Read a volume; ``whole`` judges the values of a label."""
    opened = open_volume(path)
    affine = _affine(path, opened)
    shape = _shape(path, opened)
    turn = io_orientation(affine)  # type: ignore[no-untyped-call]
    canonical = [shape[int(np.flatnonzero(turn[:, 0] == axis)[0])] for axis in (2, 1, 0)]
    slabs = Slabs((canonical[0], canonical[1], canonical[2]), dtype, scratch)
    strange, nonzero = 0, False
    thick = max(1, PART_VOXELS // (shape[0] * shape[1]))
    for start, data in undamaged(path, opened.slabs(thick)):
        if not np.isfinite(data).all():
            strange += int(np.count_nonzero(~np.isfinite(data)))
        if whole is not None:
            data = whole.take(data)
        nonzero = nonzero or bool(data.any())
        turned = apply_orientation(data, turn)  # type: ignore[no-untyped-call]
        first = start if turn[2, 1] > 0 else shape[2] - start - data.shape[2]
        slabs.write(2 - int(turn[2, 0]), first, turned.transpose(2, 1, 0))
    if strange:
        raise DataError(
            f"{path} holds {strange} NaN or infinite voxels, expected finite values",
            hint="replace them, by 0 outside the brain, and save the file again",
        )
    if whole is not None:
        whole.require()
    elif not nonzero:
        raise DataError(f"{path} is zero everywhere, expected an image", hint=AGAIN)
    back = inv_ornt_aff(turn, shape)  # type: ignore[no-untyped-call]
    values = () if whole is None else whole.values
    return Volume(path, slabs, affine @ back, affine, shape, opened.oriented, values)


def _affine(path: Path, opened: OpenVolume) -> npt.NDArray[np.float64]:
    affine = opened.affine
    usable = (
        affine is not None
        and np.isfinite(affine).all()
        and abs(np.linalg.det(affine)) >= 1e-9
        # One axis a million times shorter than another points nowhere.
        and not np.isnan(io_orientation(affine)).any()  # type: ignore[no-untyped-call]
    )
    if affine is None or not usable:
        raise DataError(
            f"the header of {path} has no usable affine, expected one that maps voxels to"
            " millimetres",
            hint="repair the header (sform or qform) from the scanner's export",
        )
    return affine


def _shape(path: Path, opened: OpenVolume) -> tuple[int, int, int]:
    shape = opened.shape
    if opened.channels != 1:
        raise DataError(
            f"{path} has shape {(*shape, opened.channels)}, expected one volume of three axes",
            hint="split a series into one file per volume",
        )
    if not 0 < np.prod(shape, dtype=np.float64) < _MOST_VOXELS:
        raise DataError(f"the header of {path} claims the shape {shape}", hint=AGAIN)
    return shape
