"""Volumes that SimpleITK reads: NRRD and MetaImage (MHA, MHD).

ITK counts millimetres to the left, to the back and upward (LPS); `bench` to the right, to the
front and upward (RAS). Nothing but geometry and values is taken from a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray
from bench.data.read.contract import OpenVolume
from bench.data.read.damage import AGAIN
from bench.data.read.itk_header import (
    fields_of,
    is_nrrd,
    is_packed,
    order_of,
    require_geometry,
    require_lines,
    require_voxels,
    scale_of,
    unpacked,
)
from bench.data.read.optional import library
from bench.errors import DataError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# The spaces of NRRD that say where its axes point; ITK turns each of them to its own.
_ITK_SPACE = "left-posterior-superior"


class ItkVolume:
    """A volume of ITK's; see `bench.data.read.contract.OpenVolume`."""

    nifti_header = None

    def __init__(self, path: Path, reader: Any, fields: Mapping[str, str]) -> None:  # noqa: ANN401
        self._path, self._reader, self._fields = path, reader, fields

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
        if is_nrrd(self._path):
            key = "NRRD_space"
            there = self._reader.HasMetaDataKey(key)
            return bool(there and self._reader.GetMetaData(key) == _ITK_SPACE)
        return bool({"TransformMatrix", "Rotation", "Orientation"} & {*self._fields})

    def place(self, image: Any) -> None:  # noqa: ANN401 - SimpleITK has no types
        """Put an image of the same shape where this volume is."""
        size = self._reader.GetDimension()
        direction = np.asarray(self._reader.GetDirection()).reshape(size, size)[:3, :3]
        spacing = np.asarray(self._reader.GetSpacing()[:3])
        image.SetSpacing(np.abs(spacing).tolist())
        image.SetOrigin(self._reader.GetOrigin()[:3])
        # ITK reads negative sizes, but does not write them: they turn their axes round.
        image.SetDirection((direction * np.sign(spacing)).ravel().tolist())

    def slabs(self, thick: int) -> Iterator[tuple[int, FloatArray]]:
        """The values. A file is unpacked at once, so all of it is in memory meanwhile."""
        values, image = self._values()
        slope, offset = (1.0, 0.0) if is_nrrd(self._path) else scale_of(self._path, self._fields)
        size = self.shape[2]
        for start in range(0, size, thick):
            # A copy: what `values` looks at goes with the image.
            part = values[start : min(start + thick, size)].astype(np.float32)
            if (slope, offset) != (1.0, 0.0):
                part = (part.astype(np.float64) * slope + offset).astype(np.float32)
            yield start, part.transpose(2, 1, 0)
        del image

    def _values(self) -> tuple[npt.NDArray[Any], Any]:
        """(K, J, I), and ITK's image, whose memory they are."""
        shape = self.shape[::-1]
        if is_packed(self._path, self._fields):
            dtype = np.dtype(order_of(self._fields) + _numpy_name(_pixel(self._reader)))
            promised = math.prod(shape) * dtype.itemsize
            content = unpacked(self._path, self._fields, promised)
            return np.frombuffer(content, dtype).reshape(shape), None
        with _damage(self._path):
            image = self._reader.Execute()
        sitk = library("SimpleITK", self._path)
        return sitk.GetArrayViewFromImage(image).reshape(shape), image


def _pixel(reader: Any) -> str:  # noqa: ANN401 - SimpleITK has no types
    """ITK's name of a file's type of values, such as ``16-bit signed integer``."""
    return str(library("SimpleITK", "it").GetPixelIDValueAsString(reader.GetPixelID()))


def _numpy_name(pixel: str) -> str:
    kind = "f" if "float" in pixel else "u" if "unsigned" in pixel else "i"
    return f"{kind}{_bytes_of(pixel)}"


def _bytes_of(pixel: str) -> int:
    """Bytes of one value."""
    found = re.search(r"(\d+)-bit", pixel)
    return int(found[1]) // 8 if found else 1


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """As `bench.data.read.damage.damage`, with the one line of ITK's message that says why."""
    try:
        yield
    except RuntimeError as error:
        lines = [one.strip() for one in str(error).splitlines() if one.strip()]
        said = [one for one in lines if "ERROR" not in one and not one.startswith("Reason")]
        why = said[-1].rpartition("] ")[2] if len(said) > 1 else "ITK cannot read it"
        raise DataError(f"{path} is truncated or damaged: {why}", hint=AGAIN) from error


def open_volume(path: Path) -> ItkVolume:
    """Read the header; see `bench.data.read.contract.VolumeReader`."""
    sitk = library("SimpleITK", path)
    fields = fields_of(path)
    require_lines(path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what matters is raised
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if is_nrrd(path) else "MetaImageIO")
    with _damage(path):
        reader.ReadImageInformation()
    size, pixel = reader.GetSize(), _pixel(reader)
    if len(size) < 3:
        raise DataError(f"{path} has shape {size}, expected a volume of three axes", hint=AGAIN)
    if "complex" in pixel or "label" in pixel:
        raise DataError(f"{path} holds {pixel} values, expected grey ones", hint=AGAIN)
    components = reader.GetNumberOfComponents()
    require_voxels(path, fields, (components, *size), _bytes_of(pixel))
    require_geometry(path, fields)
    return ItkVolume(path, reader, fields)


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
