"""Suffixes of 2-D images: those that are read, those that are not, and those of other files."""

from __future__ import annotations

from pathlib import Path

from bench.data.read.formats import known_format, suffixes

_NOT_READ = frozenset(
    {".avif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpx"}
    | {".jxl", ".mat", ".mha", ".mhd", ".npz", ".nrrd", ".pgm", ".pnm", ".ppm", ".psd", ".svs"}
    | {".tga", ".webp"}
)
# What often stands beside images and is never meant as one.
_COMPANIONS = frozenset(
    {".cfg", ".csv", ".db", ".doc", ".docx", ".html", ".ini", ".ipynb", ".json", ".log", ".md"}
    | {".md5", ".pdf", ".pkl", ".py", ".rst", ".sha256", ".toml", ".tsv", ".txt", ".xls", ".xlsx"}
    | {".xml", ".yaml", ".yml"}
)


def is_read(path: Path) -> bool:
    """Whether bench reads images with this suffix."""
    return known_format(path, "image") is not None


def is_companion(path: Path) -> bool:
    """Whether a file is a text, a table or the like, which nobody means as an image."""
    return path.suffix.lower() in _COMPANIONS


def without_suffix(name: str) -> str:
    """A file's name without the suffix of an image; other dots are part of the name.

    >>> without_suffix("images/1.2.840.png"), without_suffix("1.2.840")
    ('1.2.840', '1.2.840')
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = last.rpartition(".")
    known = dot and stem and f".{suffix.lower()}" in {*suffixes("image"), *_NOT_READ}
    return stem if known else last
