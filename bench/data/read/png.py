"""PNG: Pillow reads all but 16 bits in colour, which it would cut to 8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.read import pillow
from bench.data.read.codecs import needs_codecs

_COLOUR = {2, 6}


def decode(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    """Read an image; see `bench.data.read.readers.ImageReader`."""
    if not _is_deep_colour(path):
        return pillow.decode(path, indices=indices)
    try:
        from imagecodecs import png_decode
    except ImportError as error:
        raise needs_codecs(path) from error
    return np.asarray(png_decode(path.read_bytes()))


def _is_deep_colour(path: Path) -> bool:
    with path.open("rb") as handle:
        head = handle.read(26)
    return len(head) == 26 and head[24] == 16 and head[25] in _COLOUR
