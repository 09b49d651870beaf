"""How values are packed: what only imagecodecs can read, and what changes them."""

from __future__ import annotations

from pathlib import Path

from bench.errors import DataError
from bench.installed import command_to_install


def needs_codecs(path: Path) -> DataError:
    """The error of a file that cannot be read without it."""
    return DataError(
        f"{path} can only be read with imagecodecs (16-bit colour PNG, or compressed TIFF)",
        hint=command_to_install("images"),
    )


def lossy_label(path: Path) -> DataError:
    """The error of a label whose file is packed in a way that changes values."""
    return DataError(
        f"{path} is a label that the compression of JPEG has changed",
        hint="save the label without loss (PNG), from what it was made of",
    )
