"""From what a file stores to what every viewer shows: turns, palettes and transparency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import DataError, counted

Array = npt.NDArray[Any]

# EXIF and TIFF 6.0, tag 274: how a viewer turns the stored rows and columns.
_TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


def upright(path: Path, array: Array, orientation: int) -> Array:
    """Turn an image as its orientation tag says.

    Args:
        path: the file, for messages.
        array: (H, W) or (H, W, C), as stored.
        orientation: 1 to 8; 0 and 1 leave it as it is.

    Raises:
        DataError: another orientation.
    """
    turn = _TURNS.get(orientation or 1)
    if turn is None:
        raise DataError(
            f"{path} has orientation {orientation}, expected 1 to 8",
            hint="turn the image upright and save it without the tag",
        )
    return np.asarray(turn(array))


def opaque(path: Path, array: Array) -> Array:
    """An image without its last channel, which is alpha.

    Args:
        path: the file, for messages.
        array: (H, W, 2) or (H, W, 4) of unsigned integers.

    Returns:
        (H, W) or (H, W, 3).

    Raises:
        DataError: a pixel is transparent, so that what is seen depends on what is behind it.
    """
    seen = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    clear = int(np.count_nonzero(array[..., -1] != seen))
    if clear:
        raise transparent(path, clear)
    return array[..., 0] if array.shape[2] == 2 else array[..., :-1]


def transparent(path: Path, pixels: int) -> DataError:
    """The error of an image with transparent pixels."""
    return DataError(
        f"{path} has {counted(pixels, 'transparent pixel')}, whose values are not defined",
        hint="put the image on a background and save it without an alpha channel",
    )


def palette_label(path: Path, indices: Array, colours: npt.NDArray[np.uint8]) -> Array:
    """The values of a label that is stored with a palette.

    Palettes of labels colour their classes: the index is the class. Where the palette holds
    greys only it is a plain image, and 0 is what is shown black.

    Args:
        path: the file, for messages.
        indices: (H, W) whole numbers.
        colours: (N, 3), colour of each index.

    Returns:
        (H, W), indices or greys.

    Raises:
        DataError: index 0 is coloured and another one black, so nobody knows which is background.
    """
    used = np.unique(indices)
    shown = colours[used]
    black = ~shown.any(axis=1)
    if not black[used != 0].any() or black.all():
        return indices
    if (shown == shown[:, :1]).all():
        return np.asarray(colours[indices][..., 0])
    raise DataError(
        f"{path} shows index 0 in colour {tuple(int(one) for one in colours[0])}; expected black,"
        " the background of a label",
        hint="save the label as a grey image with 0 as background",
    )
