"""Headers of NRRD and MetaImage: what ITK does not tell, and what its reader may not survive."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from bench.data.read.damage import AGAIN, require_promise
from bench.errors import DataError

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


def is_nrrd(path: Path) -> bool:
    return path.name.lower().endswith((".nrrd", ".nhdr"))


def _lines(path: Path) -> list[str]:
    with path.open("rb") as handle:
        text = handle.read(_HEADER_BYTES).decode("latin-1")
    text = text.replace("\r\n", "\n")
    return (text.partition("\n\n")[0] if is_nrrd(path) else text).split("\n")


def fields_of(path: Path) -> dict[str, str]:
    """The fields of a header, up to the one that says where the voxels are."""
    found: dict[str, str] = {}
    for line in _lines(path):
        match = (_NRRD_FIELD if is_nrrd(path) else _META_FIELD).match(line)
        if match is not None:
            found[match[1].strip()] = match[2].strip()
            if match[1] == "ElementDataFile":
                break
    return found


def require_lines(path: Path) -> None:
    """Refuse a header with lines that ITK's reader may not survive.

    Raises:
        DataError: a line of an NRRD header is not a field, or one of another length than a header
            needs; a line of a MetaImage header has another count of numbers than there are axes.
    """
    odd = _odd_nrrd_line(path) if is_nrrd(path) else _odd_meta_line(path)
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
    fields = fields_of(path)
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
    fields = fields_of(path)
    keys = ("data file", "datafile") if is_nrrd(path) else ("ElementDataFile",)
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


def require_voxels(path: Path, fields: dict[str, str], promised: int) -> None:
    """Refuse a header that promises more than its files can hold."""
    voxels = files_beside(path)
    for one in voxels or (path,):
        require_promise(one, promised // max(1, len(voxels)))
    plain = fields.get("encoding", "").lower() == "raw" or (
        not is_nrrd(path) and fields.get("CompressedData", "False").lower() == "false"
    )
    there = sum(one.stat().st_size for one in voxels or (path,))
    if plain and there < promised:
        raise DataError(
            f"{path} is truncated or damaged: its header promises {promised} bytes, but"
            f" {there} are there",
            hint=AGAIN,
        )


def bytes_of(pixel: str) -> int:
    """Bytes of one component, by ITK's name of its type: ``16-bit signed integer``."""
    found = re.search(r"(\d+)-bit", pixel)
    return int(found[1]) // 8 if found else 1
