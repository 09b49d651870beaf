"""2-D images that Pillow reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from bench.data.read.damage import AGAIN
from bench.errors import DataError


def decode(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    """Read an image; see `bench.data.read.readers.ImageReader`."""
    try:
        with Image.open(path) as image:
            if image.mode == "P":
                return np.asarray(image if indices else image.convert("RGB"))
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not an image that can be read", hint=AGAIN) from error
