"""TIFF, of 8 or 16 bits or of floats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt
import tifffile

from bench.data.read.codecs import needs_codecs
from bench.data.read.damage import AGAIN
from bench.errors import DataError


def decode(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    """Read an image; see `bench.data.read.readers.ImageReader`."""
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) != 1:
                raise DataError(
                    f"{path} holds {len(file.pages)} images, expected one",
                    hint="save each image as a file of its own",
                )
            return file.asarray()
    except tifffile.TiffFileError as error:
        raise DataError(f"{path} is not a TIFF that can be read: {error}", hint=AGAIN) from error
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise needs_codecs(path) from error
