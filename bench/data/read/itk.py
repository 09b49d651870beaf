"""Volumes that SimpleITK reads: NRRD and MetaImage (MHA, MHD).

ITK counts millimetres to the left, to the back and upward (LPS); `bench` to the right, to the
front and upward (RAS). Nothing but geometry and values is taken from a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray
from bench.data.read.contract import OpenVolume
from bench.data.read.damage import AGAIN, damage, require_promise
from bench.data.read.optional import library
from bench.errors import DataError

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])

# The text of a header ends far before this; behind it stand the voxels.
_HEADER_BYTES = 2**16
_NRRD_FIELD = re.compile(r"^([^:#]+): ?(.*)$")
_META_FIELD = re.compile(r"^(\w+)\s*=\s*(.*)$")
# All fields of the format. Teem, which ITK reads with, may die of a line that is none of them.
_NRRD_FIELDS = frozenset(
    one
    for names in (
        "type, dimension, space, space dimension, sizes, spacings, thicknesses, axis mins",
        "axismins, axis maxs, axismaxs, centers, centerings, labels, units, kinds, number",
        "space directions, space units, space origin, measurement frame, min, max, old min",
        "oldmin, old max, oldmax, block size, blocksize, endian, encoding, content, sample units",
        "sampleunits, byte skip, byteskip, line skip, lineskip, data file, datafile",
    )
    for one in names.split(", ")
)
# A value that is longer overflows Teem's buffers.
_LONGEST_FIELD = 400
# How many numbers a field of MetaImage has: per axis, or per pair of axes.
_PER_AXIS = ("DimSize", "ElementSpacing", "ElementSize", "Offset", "Position", "Origin")
_PER_PAIR = ("TransformMatrix", "Rotation", "Orientation")
_MOST_AXES = 10
_LONGEST_NAME = 255
# Slices in files of their own, such as ``slice%03d.raw 1 90 1``.
_NUMBERED = re.compile(r"^([^%\s]*%0?\d?d[^%\s]*)\s+(\d{1,6})\s+(\d{1,6})(?:\s+(\d{1,6}))?\b")
_MOST_FILES = 10_000
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
    fields = _fields(path)
    _require_lines(path)
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # what matters is raised
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if _is_nrrd(path) else "MetaImageIO")
    with damage(path, "is truncated or damaged"):
        reader.ReadImageInformation()
    size, pixel = reader.GetSize(), sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if len(size) < 3:
        raise DataError(f"{path} has shape {size}, expected a volume of three axes", hint=AGAIN)
    if "complex" in pixel or "label" in pixel:
        raise DataError(f"{path} holds {pixel} values, expected grey ones", hint=AGAIN)
    _require_voxels(path, fields, math.prod(size) * _bytes_of(pixel))
    if _is_nrrd(path):
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


def files_beside(path: Path) -> tuple[Path, ...]:
    """The files that hold the voxels of a header, in its order; none where it holds them itself.

    Raises:
        DataError: one of them is missing, or lies in another folder.
    """
    if not path.is_file():
        return ()  # whoever opens it says so
    names = _voxel_files(path)
    for name in names:
        place = PurePosixPath(name.replace("\\", "/"))
        odd = "\0" in name or len(name.encode()) > _LONGEST_NAME
        if odd or place.is_absolute() or ".." in place.parts or ":" in name:
            raise DataError(
                f"the header of {path} names the file {name[:100]!r}, expected one beside it",
                hint="copy both into one folder and name it there without a path",
            )
        if not (path.parent / name).is_file():
            raise DataError(
                f"{path} needs {name} beside it, which does not exist",
                hint="copy both files of the pair, or convert it to one file: .nrrd, .mha",
            )
    return tuple(path.parent / name for name in names)


# --- headers: only what ITK does not tell -------------------------------------------------------


def _is_nrrd(path: Path) -> bool:
    return path.name.lower().endswith((".nrrd", ".nhdr"))


def _lines(path: Path) -> list[str]:
    with path.open("rb") as handle:
        text = handle.read(_HEADER_BYTES).decode("latin-1")
    text = text.replace("\r\n", "\n")
    return (text.partition("\n\n")[0] if _is_nrrd(path) else text).split("\n")


def _fields(path: Path) -> dict[str, str]:
    """The fields of a header, up to the one that says where the voxels are."""
    found: dict[str, str] = {}
    for line in _lines(path):
        match = (_NRRD_FIELD if _is_nrrd(path) else _META_FIELD).match(line)
        if match is not None:
            found[match[1].strip()] = match[2].strip()
            if match[1] == "ElementDataFile":
                break
    return found


def _require_lines(path: Path) -> None:
    """Refuse a header with lines that ITK's reader may not survive.

    Raises:
        DataError: a line of an NRRD header is not a field, or one of another length than a header
            needs; a line of a MetaImage header has another count of numbers than there are axes.
    """
    odd = _odd_nrrd_line(path) if _is_nrrd(path) else _odd_meta_line(path)
    if odd is not None:
        said = odd[:40] + ("..." if len(odd) > 40 else "")
        raise DataError(
            f"{path} is truncated or damaged: a line of its header is not a field: {said!r}",
            hint=AGAIN,
        )


def _odd_nrrd_line(path: Path) -> str | None:
    for line in _lines(path)[1:]:
        name, _, value = (one.strip() for one in line.lower().partition(":"))
        if not line or line.startswith("#") or value.startswith("="):
            continue
        if name not in _NRRD_FIELDS or len(line) > _LONGEST_FIELD:
            return line
        if name in ("data file", "datafile") and value.startswith("list"):
            break  # names of files follow
    return None


def _odd_meta_line(path: Path) -> str | None:
    fields = _fields(path)
    said = fields.get("NDims", "")
    axes = int(said) if said.isdecimal() and len(said) < 3 else 0
    if not 0 < axes <= _MOST_AXES:
        return f"NDims = {said}"
    for name, value in fields.items():
        wanted = axes if name in _PER_AXIS else axes**2 if name in _PER_PAIR else None
        if wanted is not None and len(value.split()) != wanted:
            return f"{name} = {value}"
    return None


def _voxel_files(path: Path) -> list[str]:
    """Names of the files with the voxels: one, a list of them, or a pattern with a range."""
    fields = _fields(path)
    keys = ("data file", "datafile") if _is_nrrd(path) else ("ElementDataFile",)
    said = next((fields[one] for one in keys if one in fields), "LOCAL")
    if said.upper() == "LOCAL":
        return []
    words = said.split()
    if words and words[0].upper() == "LIST":
        lines = _lines(path)
        first = next(n for n, line in enumerate(lines) if line.startswith(keys))
        return [one.strip() for one in lines[first + 1 :] if one.strip()]
    numbered = _NUMBERED.match(said)
    if numbered is not None:
        start, stop, step = (int(one or 1) for one in numbered.groups()[1:])
        numbers = range(start, stop + 1, max(1, step))
        return [numbered[1] % n for n in numbers[:_MOST_FILES]]
    return [said]


def _require_voxels(path: Path, fields: dict[str, str], promised: int) -> None:
    """Refuse a header that promises more than its files can hold."""
    voxels = files_beside(path)
    for one in voxels or (path,):
        require_promise(one, promised // max(1, len(voxels)))
    plain = fields.get("encoding", "").lower() == "raw" or (
        not _is_nrrd(path) and fields.get("CompressedData", "False").lower() == "false"
    )
    there = sum(one.stat().st_size for one in voxels or (path,))
    if plain and there < promised:
        raise DataError(
            f"{path} is truncated or damaged: its header promises {promised} bytes, but"
            f" {there} are there",
            hint=AGAIN,
        )


def _bytes_of(pixel: str) -> int:
    """Bytes of one component, by ITK's name of its type: ``16-bit signed integer``."""
    found = re.search(r"(\d+)-bit", pixel)
    return int(found[1]) // 8 if found else 1
