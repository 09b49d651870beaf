"""PNG: Pillow reads all but 16 bits in colour or with alpha, which it would cut to 8."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from bench.data.read import pillow
from bench.data.read.codecs import needs_codecs
from bench.data.read.colour import Array, opaque, upright
from bench.data.read.damage import require_promise

# Colour types of the PNG specification (section 11.2.2): RGB, grey with alpha, RGB with alpha.
_WIDE = {2, 4, 6}


def decode(path: Path, *, indices: bool) -> Array:
    """Read an image; see `bench.data.read.contract.ImageReader`."""
    if not _is_deep(path):
        return pillow.decode(path, indices=indices)
    try:
        from imagecodecs import png_decode
    except ImportError as error:
        raise needs_codecs(path) from error
    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    require_promise(path, width * height * 6)
    orientation = pillow.orientation_of_one(path)
    array = np.asarray(png_decode(data))
    if array.ndim == 3 and array.shape[2] in (2, 4):
        array = opaque(path, array)
    return upright(path, array, orientation)


def _is_deep(path: Path) -> bool:
    with path.open("rb") as handle:
        head = handle.read(26)
    return len(head) == 26 and head[24] == 16 and head[25] in _WIDE
