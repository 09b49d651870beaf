"""What only the optional library imagecodecs can read."""

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
