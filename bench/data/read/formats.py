"""The formats that can be read: which suffix belongs to which reader.

One table for everything that decides by suffix: finding files, checking, preparing, new cards,
predicting. A new format is one module that follows `bench.data.read.readers`, and one line here.
Readers are named, not imported: the table is needed where no file is opened.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from bench.errors import DataError

if TYPE_CHECKING:
    from bench.data.read.readers import ImageReader, VolumeReader

Kind = Literal["volume", "image"]


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes:
        title: its name, for messages.
        kind: whether a file of it holds a ``volume`` or a 2-D ``image``.
        suffixes: endings of its files, in lower case; case does not matter in file names.
        reader: ``module:function``, a `VolumeReader` or an `ImageReader`.
    """

    title: str
    kind: Kind
    suffixes: tuple[str, ...]
    reader: str

    def volume_reader(self) -> VolumeReader:
        """The function that opens its volumes; imports it."""
        return cast("VolumeReader", self._function())

    def image_reader(self) -> ImageReader:
        """The function that decodes its 2-D images; imports it."""
        return cast("ImageReader", self._function())

    def _function(self) -> object:
        module, _, name = self.reader.partition(":")
        return getattr(importlib.import_module(module), name)


def _packed(*suffixes: str) -> tuple[str, ...]:
    return tuple(one + packing for one in suffixes for packing in ("", ".gz", ".bz2", ".zst"))


_NIBABEL = "bench.data.read.nifti:open_volume"

FORMATS = (
    Format("NIfTI", "volume", _packed(".nii"), _NIBABEL),
    Format("NIfTI or Analyze pair", "volume", _packed(".hdr", ".img"), _NIBABEL),
    Format("FreeSurfer", "volume", (".mgh", ".mgz"), _NIBABEL),
    Format("MINC", "volume", _packed(".mnc"), _NIBABEL),
    Format("AFNI", "volume", (".head", *_packed(".brik")), _NIBABEL),
    Format("Philips PAR/REC", "volume", (".par", ".rec"), _NIBABEL),
    Format("PNG", "image", (".png",), "bench.data.read.png:decode"),
    Format("JPEG", "image", (".jpg", ".jpeg"), "bench.data.read.pillow:decode"),
    Format("BMP", "image", (".bmp",), "bench.data.read.pillow:decode"),
    Format("TIFF", "image", (".tif", ".tiff"), "bench.data.read.tiff:decode"),
    Format("NumPy array", "image", (".npy",), "bench.data.read.npy:decode"),
)
"""All formats, volumes first."""


def known_format(path: Path, kind: Kind) -> Format | None:
    """The format of a file by its suffix; None where no reader of this kind knows it."""
    fit = [
        (len(suffix), one)
        for one in FORMATS
        if one.kind == kind
        for suffix in one.suffixes
        if path.name.lower().endswith(suffix)
    ]
    return max(fit, key=lambda one: one[0])[1] if fit else None


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


def suffixes(kind: Kind) -> list[str]:
    """All suffixes that are read, in the order of the table."""
    return [suffix for one in FORMATS if one.kind == kind for suffix in one.suffixes]


def stem(path: Path) -> str:
    """The name of a file without the suffix of its format."""
    name = path.name
    known = [one for one in suffixes("volume") + suffixes("image") if name.lower().endswith(one)]
    cut = max(map(len, known), default=len(path.suffix))
    return name[: len(name) - cut] or name
