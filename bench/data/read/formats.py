"""The formats that can be read: which suffix belongs to which reader.

One table for everything that decides by suffix: finding files, checking, preparing, new cards,
predicting. A new format is one module that follows `bench.data.read.contract`, and one line here.
Readers are named, not imported: the table is needed where no file is opened.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from bench.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.data.read.contract import ImageReader, MapWriter, VolumeReader

Kind = Literal["volume", "image"]
KINDS: tuple[Kind, ...] = ("volume", "image")


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        title: its name, for messages.
        kind: whether a file of it holds a ``volume`` or a 2-D ``image``.
        suffixes: endings of its files, in lower case; case does not matter in file names.
        reader: ``module:function``, a `VolumeReader` or an `ImageReader`.
        beside: ``module:function`` from a path to the further files that the reader opens for
            it, such as the voxels beside a header; empty where a file stands alone.
        lossy: its compression changes values, so that it cannot keep labels.
        marks: how its files begin, where that tells them from others. A 2-D image is read as what
            it is, and not as what its suffix says.
        turned: ``module:function`` from a path to the orientation, 1 to 8, that a tag of a 2-D
            image states; empty where a format has no such tag.
        maps: suffix of the maps that are written for a volume of it.
        writer: ``module:function`` that writes them; NIfTI is written without one.
        reading: version of what its reader makes of a file. It is raised whenever a file that was
            read is read as other values or refused; fingerprints, and so keys, move with it.
    """

    title: str
    kind: Kind
    suffixes: tuple[str, ...]
    reader: str
    beside: str = ""
    lossy: bool = False
    marks: tuple[bytes, ...] = ()
    turned: str = ""
    maps: str = ".nii.gz"
    writer: str = ""
    reading: int = 1

    def volume_reader(self) -> VolumeReader:
        """The function that opens its volumes; imports it."""
        return cast("VolumeReader", _function(self.reader))

    def image_reader(self) -> ImageReader:
        """The function that decodes its 2-D images; imports it."""
        return cast("ImageReader", _function(self.reader))

    def map_writer(self) -> MapWriter | None:
        """The function that writes maps in this format; imports it. None for NIfTI."""
        return cast("MapWriter", _function(self.writer)) if self.writer else None

    def orientation(self, path: Path) -> int:
        """How a tag of a 2-D image turns it, 1 to 8; 1 without one."""
        if not self.turned:
            return 1
        return cast("Callable[[Path], int]", _function(self.turned))(path) or 1

    def companions(self, path: Path) -> tuple[Path, ...]:
        """The further files that reading ``path`` opens; all of them exist."""
        if not self.beside:
            return ()
        return cast("Callable[[Path], tuple[Path, ...]]", _function(self.beside))(path)


def _function(place: str) -> object:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _packed(*suffixes: str) -> tuple[str, ...]:
    return tuple(one + packing for one in suffixes for packing in ("", ".gz", ".bz2", ".zst"))


_NIBABEL = "bench.data.read.nifti:open_volume"
_PAIR = "bench.data.read.nifti:files_beside"
_PILLOW = "bench.data.read.pillow:decode"
_EXIF = "bench.data.read.pillow:orientation"


def _itk(title: str, *suffixes: str) -> Format:
    """A format that ITK reads; maps have its first suffix."""
    return Format(
        title,
        "volume",
        suffixes,
        "bench.data.read.itk:open_volume",
        "bench.data.read.itk_header:files_beside",
        maps=suffixes[0],
        writer="bench.data.read.itk:write_volume",
        reading=2,
    )


DICOM = Format(
    "DICOM",
    "volume",
    (".dcm", ".dicom", ".ima"),
    "bench.data.read.dicom:open_volume",
    "bench.data.read.dicom_series:files_beside",
    reading=3,
)
"""Its files may also have no suffix, or numbers for one; they are known by their first bytes."""

DICOM_IMAGE = Format(
    "DICOM image", "image", DICOM.suffixes, "bench.data.read.dicom_image:decode", reading=2
)
"""The same files as `DICOM`, each an image of its own, as a layout of 2-D images takes them."""

FORMATS = (
    Format("NIfTI", "volume", _packed(".nii"), _NIBABEL),
    Format("NIfTI or Analyze pair", "volume", _packed(".hdr", ".img"), _NIBABEL, _PAIR, reading=2),
    Format("FreeSurfer", "volume", (".mgh", ".mgz"), _NIBABEL, reading=2),
    Format("MINC", "volume", _packed(".mnc"), _NIBABEL),
    Format("AFNI", "volume", (".head", *_packed(".brik")), _NIBABEL, _PAIR),
    Format("Philips PAR/REC", "volume", (".par", ".rec"), _NIBABEL, _PAIR),
    _itk("NRRD", ".nrrd", ".nhdr"),
    _itk("MetaImage", ".mha", ".mhd"),
    DICOM,
    Format(
        "PNG",
        "image",
        (".png",),
        "bench.data.read.png:decode",
        marks=(b"\x89PNG\r\n\x1a\n",),
        turned=_EXIF,
    ),
    Format(
        "JPEG",
        "image",
        (".jpg", ".jpeg"),
        _PILLOW,
        lossy=True,
        marks=(b"\xff\xd8\xff",),
        turned=_EXIF,
        reading=2,
    ),
    Format("BMP", "image", (".bmp",), _PILLOW, marks=(b"BM",), reading=2),
    Format("GIF", "image", (".gif",), _PILLOW, marks=(b"GIF87a", b"GIF89a"), reading=2),
    Format(
        "TIFF",
        "image",
        (".tif", ".tiff"),
        "bench.data.read.tiff:decode",
        marks=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        turned="bench.data.read.tiff:orientation",
        reading=2,
    ),
    Format(
        "NumPy array",
        "image",
        (".npy",),
        "bench.data.read.npy:decode",
        marks=(b"\x93NUMPY",),
        reading=2,
    ),
    DICOM_IMAGE,
)
"""All formats, volumes first."""


def known_format(path: Path, kind: Kind) -> Format | None:
    """The format of a file by its suffix; None where no reader of this kind knows it.

    A file whose suffix no format has, and that begins as DICOM files do, is one.
    """
    name = path.name.lower()
    fit = [
        (len(suffix), one) for one in FORMATS for suffix in one.suffixes if name.endswith(suffix)
    ]
    if not fit:
        dicom = DICOM if kind == "volume" else DICOM_IMAGE
        return dicom if _begins_as_dicom(path) else None
    longest = max(length for length, _ in fit)
    best = [one for length, one in fit if length == longest]
    return next((one for one in best if one.kind == kind), None)


def _begins_as_dicom(path: Path) -> bool:
    """Whether a file has the mark of DICOM."""
    return _beginning(path)[128:] == b"DICM"


def _beginning(path: Path) -> bytes:
    """The first bytes of a file; none of a file that cannot be read."""
    try:
        with path.open("rb") as handle:
            return handle.read(132)
    except OSError:
        return b""


def format_of(path: Path, kind: Kind) -> Format:
    """The format of a file by its suffix.

    Raises:
        DataError: no reader of this kind knows it; naming the suffixes that are known.
    """
    found = known_format(path, kind)
    if found is None:
        what = "a volume" if kind == "volume" else "a 2-D image"
        raise DataError(
            f"{path} cannot be read as {what}: suffix {path.suffix!r} is not known; known are"
            f" {', '.join(suffixes(kind))}",
            hint="convert the file to one of these formats, without loss",
        )
    return found


def image_format(path: Path) -> Format:
    """The format of a 2-D image, by how the file begins; by its suffix where that says nothing.

    A photograph whose name ends in ``.png`` is a JPEG all the same.

    Raises:
        DataError: as `format_of`.
    """
    named = format_of(path, "image")
    if not named.marks and named is not DICOM_IMAGE:
        return named
    start = _beginning(path)
    if start[128:] == b"DICM":
        return DICOM_IMAGE
    images = (one for one in FORMATS if one.kind == "image")
    return next((one for one in images if one.marks and start.startswith(one.marks)), named)


def companions(path: Path, kind: Kind = "volume") -> tuple[Path, ...]:
    """The further files that reading a file opens, such as the ``.img`` beside an ``.hdr``.

    Args:
        path: the file.
        kind: what it is read as.

    Raises:
        DataError: one of them is missing.
    """
    found = known_format(path, kind)
    return found.companions(path) if found is not None else ()


def reading_version(path: Path, kind: Kind) -> int:
    """`Format.reading` of a file; 1 where no reader knows it."""
    found = known_format(path, kind)
    if found is None:
        return 1
    return found.reading if kind == "volume" else image_format(path).reading


def suffixes(kind: Kind) -> list[str]:
    """All suffixes that are read, in the order of the table."""
    return [suffix for one in FORMATS if one.kind == kind for suffix in one.suffixes]


def stem(path: Path) -> str:
    """The name of a file without the suffix of its format."""
    name = path.name
    known = [one for one in suffixes("volume") + suffixes("image") if name.lower().endswith(one)]
    # The numbers at the end of a DICOM file's name tell it from the others.
    rest = 0 if path.suffix[1:].isdigit() else len(path.suffix)
    cut = max(map(len, known), default=rest)
    return name[: len(name) - cut] or name
