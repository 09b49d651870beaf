"""Headers of NRRD and MetaImage: what ITK does not tell, and what its reader may not survive."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from bench.data.read.damage import AGAIN, damage, require_promise
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
_LOCAL = re.compile(rb"^ElementDataFile\s*=\s*LOCAL[^\n]*\n", re.MULTILINE | re.IGNORECASE)
_SKIPS = ("byte skip", "byteskip", "line skip", "lineskip", "HeaderSize")
# Words for other units of length; what is none of them is taken for millimetres.
_OTHER_UNITS = re.compile(
    r"^([uµμnc]?m|in(ch(es)?)?|microns?|(micro|nano|centi)?met(er|re)s?)$", re.IGNORECASE
)
# zlib finds out itself whether a stream has its own frame or gzip's.
_ANY_FRAME = 47
_PART = 2**20


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
    """Whether a file is NRRD, by its suffix; else it is MetaImage."""
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
        if numbers:
            return [numbered[1] % n for n in numbers[:_MOST_FILES]]
    return [said]


def require_voxels(
    path: Path, fields: Mapping[str, str], size: Sequence[int], itemsize: int
) -> None:
    """Refuse a header that promises more than its files can hold, or a slice less than they do.

    Args:
        path: the header.
        fields: of it.
        size: voxels along each axis, values of a voxel included.
        itemsize: bytes of a value.

    Raises:
        DataError: naming how many bytes are promised, and how many are there.
    """
    voxels = files_beside(path) or (path,)
    promised = math.prod(size) * itemsize
    for one in voxels:
        require_promise(one, promised // len(voxels))
    if not promised or any(fields.get(one, "0").strip("0") for one in _SKIPS):
        return  # ITK knows how much of the files is skipped
    start = _data_start(path) if voxels == (path,) else 0
    if is_nrrd(path):
        encoding = fields.get("encoding", "").lower()
        plain, packed = encoding == "raw", encoding in ("gzip", "gz") and len(voxels) == 1
    else:
        plain, packed = is_plain(fields), False  # `unpacked` counts
    most = promised + promised // max(1, size[-1])
    if plain:
        there = sum(one.stat().st_size for one in voxels) - start
    elif packed:
        there = max(promised, _unpacked_bytes(voxels[0], start, most))
    else:
        return
    if there < promised or (there >= most and there > promised):
        raise DataError(
            f"{path} is truncated or damaged: its header promises {promised} bytes, but"
            f" {there}{' or more' if packed else ''} are there",
            hint=AGAIN,
        )


def _data_start(path: Path) -> int:
    """Where the voxels begin in a file that holds them itself."""
    with path.open("rb") as handle:
        content = handle.read(_HEADER_BYTES)
    if is_nrrd(path):
        ends = [content.find(one) + len(one) for one in (b"\n\n", b"\r\n\r\n") if one in content]
        return min(ends, default=0)
    found = _LOCAL.search(content)
    return found.end() if found is not None else 0


def _unpacked_bytes(path: Path, start: int, most: int) -> int:
    """Bytes that a gzip stream unpacks to; as many as ``most`` are enough to know."""
    unpacker, count = zlib.decompressobj(_ANY_FRAME), 0
    with damage(path, "is truncated or damaged"), path.open("rb") as file:
        file.seek(start)
        while count < most and not unpacker.eof and (part := file.read(_PART)):
            while part and count < most:
                count += len(unpacker.decompress(part, _PART))
                part = unpacker.unconsumed_tail
    return count


def require_geometry(path: Path, fields: Mapping[str, str]) -> None:
    """Refuse a header whose sizes ITK would guess at.

    Raises:
        DataError: it gives no size of the voxels, or counts lengths in another unit.
    """
    if is_nrrd(path):
        unit, sizes = fields.get("space units", ""), fields.get("spacings", "")
        known = fields["space directions"].count("(") if "space directions" in fields else None
    else:
        unit = fields.get("DistanceUnits", "")
        sizes, known = fields.get("ElementSpacing") or fields.get("ElementSize", ""), None
    if known is None:
        known = sum(one.lower() not in ("nan", "none") for one in sizes.split())
    if known < 3:
        raise DataError(
            f"the header of {path} gives the voxels' size along {known} of three axes",
            hint="repair the header from the scanner's export"
            f" ({'space directions' if is_nrrd(path) else 'ElementSpacing'})",
        )
    for one in unit.replace('"', " ").split():
        if one.lower() != "mm" and _OTHER_UNITS.match(one):
            raise DataError(
                f"the header of {path} counts lengths in {one[:40]!r}, expected millimetres",
                hint="convert sizes and origin to millimetres; if they are, correct the unit",
            )


# --- values of MetaImage ------------------------------------------------------------------------


def is_plain(fields: Mapping[str, str]) -> bool:
    """Whether the voxels of a MetaImage are stored as they are in memory."""
    return not _says(fields, "CompressedData") and _says(fields, "BinaryData", "True")


def is_packed(path: Path, fields: Mapping[str, str]) -> bool:
    """Whether `unpacked` has to unpack it, because ITK gives whatever it has of damaged voxels."""
    return not is_nrrd(path) and _says(fields, "CompressedData")


def _says(fields: Mapping[str, str], name: str, default: str = "False") -> bool:
    return fields.get(name, default)[:1] in ("T", "t", "1")


def unpacked(path: Path, fields: Mapping[str, str], promised: int) -> bytes:
    """The voxels of a compressed MetaImage.

    Args:
        path: the header.
        fields: of it; ``CompressedDataSize`` is not needed.
        promised: bytes of all values.

    Raises:
        DataError: they are damaged, or more or fewer than promised.
    """
    beside = files_beside(path)
    start = int(fields.get("HeaderSize", "0")) if beside else _data_start(path)
    found = bytearray()
    for one in beside or (path,):
        unpacker = zlib.decompressobj(_ANY_FRAME)
        with damage(path, "is truncated or damaged"):
            # One byte more than promised is enough to know.
            found += unpacker.decompress(one.read_bytes()[start:], promised - len(found) + 1)
        if len(found) > promised:
            break
        if not unpacker.eof:
            raise DataError(f"{path} is truncated or damaged: its voxels end early", hint=AGAIN)
    if len(found) != promised:
        raise DataError(
            f"{path} is truncated or damaged: its header promises {promised} bytes, but"
            f" {len(found)}{' or more' if len(found) > promised else ''} are there",
            hint=AGAIN,
        )
    return bytes(found)


def order_of(fields: Mapping[str, str]) -> str:
    """The order of bytes in the values of a MetaImage, as numpy writes it."""
    names = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    return ">" if any(_says(fields, one) for one in names) else "<"


def scale_of(path: Path, fields: Mapping[str, str]) -> tuple[float, float]:
    """Slope and offset of a MetaImage's values, which ITK leaves out.

    Raises:
        DataError: they are not usable numbers.
    """
    said = [fields.get(f"ElementToIntensityFunction{one}") for one in ("Slope", "Offset")]
    try:
        slope, offset = float(said[0] or 1), float(said[1] or 0)
    except ValueError:
        slope, offset = math.nan, 0.0
    if not (math.isfinite(slope) and math.isfinite(offset) and slope):
        raise DataError(
            f"the header of {path} gives its values the slope {said[0]} and the offset {said[1]},"
            " expected numbers, the slope not 0",
            hint="repair the header (ElementToIntensityFunctionSlope)",
        )
    return slope, offset
