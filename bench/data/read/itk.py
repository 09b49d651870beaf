"""Volumes that SimpleITK reads: NRRD and MetaImage (MHA, MHD).

ITK counts millimetres to the left, to the back and upward (LPS); `bench` to the right, to the
front and upward (RAS). Nothing but geometry and values is taken from a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray
from bench.data.read.contract import OpenVolume
from bench.data.read.damage import AGAIN, damage
from bench.data.read.itk_header import bytes_of, fields_of, is_nrrd, require_lines, require_voxels
from bench.data.read.optional import library
from bench.errors import DataError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# The spaces of NRRD that say where its axes point; ITK turns each of them to its own.
_ITK_SPACE = "left-posterior-superior"


class ItkVolume:
    """A volume of ITK's; see `bench.data.read.contract.OpenVolume`."""

    nifti_header = None

    def __init__(self, path: Path, reader: Any, oriented: bool) -> None:  # noqa: ANN401
        self._path, self._reader, self._oriented = path, reader, oriented

    @property
    def shape(self) -> tuple[int, int, int]:
        """(I, J, K)."""
        i, j, k = self._reader.GetSize()[:3]
        return int(i), int(j), int(k)

    @property
    def channels(self) -> int:
        """Components of a voxel, times all further axes."""
        return int(self._reader.GetNumberOfComponents() * math.prod(self._reader.GetSize()[3:]))

    @property
    def affine(self) -> npt.NDArray[np.float64] | None:
        """From ITK's direction, spacing and origin."""
        size = self._reader.GetDimension()
        direction = np.asarray(self._reader.GetDirection(), dtype=np.float64).reshape(size, size)
        affine = np.eye(4)
        affine[:3, :3] = direction[:3, :3] * np.asarray(self._reader.GetSpacing()[:3])
        affine[:3, 3] = self._reader.GetOrigin()[:3]
        return np.asarray(LPS_TO_RAS @ affine, dtype=np.float64)

    @property
    def oriented(self) -> bool:
        """Whether the header names a space (NRRD) or a matrix (MetaImage)."""
        return self._oriented

    def place(self, image: Any) -> None:  # noqa: ANN401 - SimpleITK has no types
        """Put an image of the same shape where this volume is."""
        size = self._reader.GetDimension()
        direction = np.asarray(self._reader.GetDirection()).reshape(size, size)[:3, :3]
        image.SetSpacing(self._reader.GetSpacing()[:3])
        image.SetOrigin(self._reader.GetOrigin()[:3])
        image.SetDirection(direction.ravel().tolist())

    def slabs(self, thick: int) -> Iterator[tuple[int, FloatArray]]:
        """The values. ITK unpacks a file at once, so all of it is in memory meanwhile."""
        sitk = library("SimpleITK", self._path)
        image = self._reader.Execute()
        values = sitk.GetArrayViewFromImage(image)
        size = self.shape[2]
        for start in range(0, size, thick):
            # A copy: what `values` looks at goes with the image.
            part = values[start : min(start + thick, size)].astype(np.float32)
            yield start, part.transpose(2, 1, 0)


def open_volume(path: Path) -> ItkVolume:
    """Read the header; see `bench.data.read.contract.VolumeReader`."""
    sitk = library("SimpleITK", path)
    fields = fields_of(path)
    require_lines(path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what matters is raised
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if is_nrrd(path) else "MetaImageIO")
    with damage(path, "is truncated or damaged"):
        reader.ReadImageInformation()
    size, pixel = reader.GetSize(), sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if len(size) < 3:
        raise DataError(f"{path} has shape {size}, expected a volume of three axes", hint=AGAIN)
    if "complex" in pixel or "label" in pixel:
        raise DataError(f"{path} holds {pixel} values, expected grey ones", hint=AGAIN)
    require_voxels(path, fields, math.prod(size) * bytes_of(pixel))
    if is_nrrd(path):
        key = "NRRD_space"
        oriented = reader.HasMetaDataKey(key) and reader.GetMetaData(key) == _ITK_SPACE
    else:
        oriented = bool({"TransformMatrix", "Rotation", "Orientation"} & {*fields})
    return ItkVolume(path, reader, oriented)


def write_volume(path: Path, array: npt.NDArray[Any], like: OpenVolume) -> None:
    """Write a map; see `bench.data.read.contract.MapWriter`."""
    sitk = library("SimpleITK", path)
    assert isinstance(like, ItkVolume)  # the table of formats pairs them
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    like.place(image)
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(f"ITK cannot write it: {type(error).__name__}") from error
