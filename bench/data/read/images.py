"""2-D images from files: their own values as float32, and refusal of what cannot be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray
from bench.data.read.damage import AGAIN, damage
from bench.data.read.formats import image_format
from bench.data.read.label_values import require_one_colour, whole_image
from bench.errors import DataError

# Weights of ITU-R BT.601, as PIL and OpenCV use them for grey.
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def read_image(path: Path, *, allow_constant: bool = False) -> FloatArray:
    """Read an image with the values that the file holds; nothing goes through 8 bits.

    Args:
        path: of a suffix that `bench.data.read.formats` knows.
        allow_constant: accept an image with one value only (an empty label).

    Returns:
        (H, W) float32 of a grey image, (H, W, 3) of a colour one, as every viewer shows it:
        upright, palettes resolved, an alpha channel dropped where it is opaque. What each format
        gives is in docs/formats.md.

    Raises:
        DataError: of an unknown suffix, unreadable, truncated, neither grey nor RGB, NaN or
            infinite, or constant.
    """
    array = _checked_shape(path, _decoded(path, indices=False))
    return _checked_values(path, array, allow_constant=allow_constant)


def read_label(path: Path, shape: tuple[int, int], *, named: bool = False) -> npt.NDArray[np.bool_]:
    """Read a label or a foreground mask; what is not zero is True.

    Args:
        path: as `read_image`; of a palette image the indices count, of a colour image any
            channel, where one colour stands beside black.
        shape: (H, W) of the image it belongs to.
        named: the card names the values that count, so shades between them may stand there.

    Returns:
        (H, W) bool.

    Raises:
        DataError: as `read_image`, of another size than its image, or soft: with values that
            interpolation or JPEG left.
    """
    found = _label(path, shape, named=named) != 0
    return np.asarray(found.any(axis=2) if found.ndim == 3 else found)


def read_label_values(path: Path, shape: tuple[int, int]) -> FloatArray:
    """Read a label with its values.

    Args:
        path: as `read_label`.
        shape: (H, W) of the image it belongs to.

    Returns:
        (H, W) float32, or (H, W, 3) of a colour image.

    Raises:
        DataError: as `read_label`; which values are classes is not asked, the card says it.
    """
    return _label(path, shape, named=True)


def _label(path: Path, shape: tuple[int, int], *, named: bool) -> FloatArray:
    array = _checked_shape(path, _decoded(path, indices=True))
    if array.shape[:2] != shape:
        raise DataError(
            f"{path} has {_size(array.shape)} pixels, its image {_size(shape)}; expected one grid",
            hint="resample the label onto the image by nearest neighbour; where a tag turns one of"
            " them alone, turn the other too",
        )
    _require_finite(path, array)
    found = whole_image(path, array, lossy=image_format(path).lossy, named=named)
    require_one_colour(path, found)
    return found


def read_values(path: Path) -> list[float]:
    """The different values of a label, sorted."""
    return [float(one) for one in np.unique(_checked_shape(path, _decoded(path, indices=True)))]


def checked_image(where: str, array: npt.NDArray[Any]) -> FloatArray:
    """An image that does not stand in a file of its own; as `read_image`.

    Args:
        where: what to call it in messages.
        array: (H, W) or (H, W, C), as stored.

    Raises:
        DataError: as `read_image`.
    """
    return _checked_values(where, _checked_shape(where, array), allow_constant=False)


def grey(image: FloatArray) -> FloatArray:
    """(H, W): a grey image itself, of a colour image the luminance."""
    if image.ndim == 2:
        return image
    if (image == image[:, :, :1]).all():
        return np.ascontiguousarray(image[:, :, 0])
    return np.asarray(image @ _LUMINANCE)


def _decoded(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    reader = image_format(path).image_reader()
    with damage(path):
        return reader(path, indices=indices)


# --- checks -------------------------------------------------------------------------------------


def _checked_shape(path: Path | str, array: npt.NDArray[Any]) -> FloatArray:
    if array.dtype.kind not in "iufb":
        raise DataError(f"{path} holds {array.dtype} values, expected numbers", hint=AGAIN)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise DataError(
            f"{path} has shape {array.shape}, expected a grey (H, W) or a colour (H, W, 3) image",
            hint="save each image, and each modality, as a file of its own",
        )
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
        return np.ascontiguousarray(array, dtype=np.float32)


def _checked_values(path: Path | str, array: FloatArray, *, allow_constant: bool) -> FloatArray:
    _require_finite(path, array)
    if not allow_constant and array.min() == array.max():
        raise DataError(f"{path} is {array.flat[0]:g} everywhere, expected an image", hint=AGAIN)
    return array


def _require_finite(path: Path | str, array: FloatArray) -> None:
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise DataError(
            f"{path} holds {bad} NaN or infinite pixels, expected finite values",
            hint="replace them and save the file again",
        )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"
