"""Volumes of DICOM files: the slices of a series in their order in space.

A volume is named by any one of its files. It is made of all files of its folder that have the
same series, size and orientation; a multi-frame file is a volume by itself. Millimetres are turned
from DICOM's axes (LPS) to RAS. Geometry and values are kept, and nothing else of a header.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray
from bench.data.read.damage import require_promise
from bench.data.read.dicom_headers import Frame, unnamed_damage
from bench.data.read.dicom_series import SAME_DIRECTION, height, series_of
from bench.data.read.grids import GRID_TOLERANCE_VOXELS
from bench.data.read.itk import LPS_TO_RAS
from bench.data.read.optional import library
from bench.errors import DataError, counted
from bench.installed import command_to_install


@dataclass(frozen=True)
class DicomVolume:
    """A series; see `bench.data.read.contract.OpenVolume`.

    Attributes:
        path: the file that it was asked by.
        size: columns and rows.
        frames: from below upward along the normal of the slices.
        step: (3,) millimetres from one slice to the next, LPS.
        channels: images at each position; more than 1 cannot be used.
    """

    path: Path
    size: tuple[int, int]
    frames: tuple[Frame, ...]
    step: npt.NDArray[np.float64]
    channels: int
    oriented = True
    nifti_header = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(columns, rows, slices)."""
        return (*self.size, len(self.frames) // self.channels)

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """From the positions of the slices, so a tilted gantry is a sheared affine."""
        first = self.frames[0]
        affine = np.eye(4)
        affine[:3, 0] = first.along[0] * first.pixel[0]
        affine[:3, 1] = first.along[1] * first.pixel[1]
        affine[:3, 2] = self.step
        affine[:3, 3] = first.corner
        return np.asarray(LPS_TO_RAS @ affine, dtype=np.float64)

    def slabs(self, thick: int) -> Iterator[tuple[int, FloatArray]]:
        """The rescaled values, each slice by its own slope and intercept."""
        for start in range(0, len(self.frames), thick):
            part = self.frames[start : start + thick]
            yield start, np.stack([self._values(one) for one in part], axis=2)

    def _values(self, frame: Frame) -> FloatArray:
        """(columns, rows) float32."""
        with unnamed_damage(frame.path):
            stored = stored_values(frame.path, frame.path, index=frame.number, raw=True)
            values = stored.astype(np.float64) * frame.slope + frame.intercept
            return np.ascontiguousarray(values.T, dtype=np.float32)


def open_volume(path: Path) -> DicomVolume:
    """Read the headers of a series; see `bench.data.read.contract.VolumeReader`."""
    series = series_of(path)
    for one in series:
        if one.fault:
            raise DataError(
                f"{one.path} {one.fault}",
                hint="export the series again from the scanner or the archive, as grey MR and not"
                " as a screenshot",
            )
        pixels = one.size[0] * one.size[1] * len(one.frames)
        require_promise(one.path, pixels)
    frames = sorted((f for one in series for f in one.frames), key=height)
    _require_one_grid(path, series[0].size, frames)
    heights = np.array([height(one) for one in frames])
    distinct = 1 + int(np.count_nonzero(np.diff(heights) > 1e-3))
    channels, rest = divmod(len(frames), distinct)
    if rest:
        raise _uneven(path, f"{len(frames)} images at {counted(distinct, 'position')}")
    if channels > 1:
        return DicomVolume(path, series[0].size, tuple(frames), np.ones(3), channels)
    first, last = frames[0], frames[-1]
    if len(frames) == 1:
        if not first.thickness:
            raise DataError(
                f"the header of {path} does not say how thick its only slice is",
                hint="give all files of the series; or take it as a 2-D image: kind = 'images' in"
                " the card's layout",
            )
        step = np.cross(first.along[0], first.along[1]) * first.thickness
    else:
        step = (last.corner - first.corner) / (len(frames) - 1)
    wanted = first.corner + step * np.arange(len(frames))[:, None]
    apart = np.linalg.norm(np.array([one.corner for one in frames]) - wanted, axis=1).max()
    if apart > GRID_TOLERANCE_VOXELS * min(*first.pixel, float(np.linalg.norm(step))):
        raise _uneven(path, f"up to {apart:.2f} mm from an even row of {len(frames)} slices")
    return DicomVolume(path, series[0].size, tuple(frames), step, 1)


def _require_one_grid(path: Path, size: tuple[int, int], frames: Sequence[Frame]) -> None:
    """Refuse images that are not slices of one volume.

    Raises:
        DataError: they are turned against each other, or their pixels have several sizes.
    """
    first = frames[0]
    for one in frames:
        # At the far end of a row or column, in pixels.
        apart = np.subtract(one.pixel, first.pixel) * size / np.asarray(first.pixel)
        turned = np.abs(one.along - first.along).max() >= SAME_DIRECTION
        if turned or np.abs(apart).max() > GRID_TOLERANCE_VOXELS:
            raise DataError(
                f"the images of the DICOM series of {path} have several"
                f" {'orientations' if turned else 'pixel sizes'}, expected slices of one volume",
                hint="export each orientation and size as a series of its own",
            )


def stored_values(path: Path, source: object, **options: object) -> npt.NDArray[np.generic]:
    """Decode a file's pixels.

    Args:
        path: the file, for messages.
        source: the file, or all that was read of it: then images that the header does not count
            are noticed.
        options: of ``pydicom.pixels.pixel_array``.

    Raises:
        DataError: they are compressed in a way that no library here reads, or damaged, or there
            are more images than the header counts.
    """
    pydicom: Any = library("pydicom", path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*is sufficient to contain")
            found: npt.NDArray[np.generic] = pydicom.pixels.pixel_array(
                source, allow_excess_frames=True, **options
            )
            return found
    except UserWarning:
        raise DataError(
            f"{path} holds more images than its header counts",
            hint="export each image as a file of its own, or with the right NumberOfFrames",
        ) from None
    except (NotImplementedError, RuntimeError):
        raise DataError(
            f"{path} is compressed in a way that no installed library reads ({_syntax(path)}), or"
            " its compressed data are damaged",
            hint=f"{command_to_install('formats')}; else export it again without compression",
        ) from None


def _uneven(path: Path, how: str) -> DataError:
    return DataError(
        f"the slices of the DICOM series of {path} are not evenly spaced: {how}",
        hint="copy the whole series; slices that are missing or there twice cannot be filled in",
    )


def _syntax(path: Path) -> str:
    pydicom: Any = library("pydicom", path)
    meta = pydicom.filereader.read_file_meta_info(path)
    return str(meta.TransferSyntaxUID.name)
