"""2-D images from files: their own values as float32, and refusal of what cannot be trusted."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, UnidentifiedImageError

from bench.data.arrays import FloatArray
from bench.data.cache.eviction import evict, folder_bytes
from bench.data.cache.fingerprint import fingerprint_files
from bench.data.cache.folder import publish_folder, touch
from bench.data.cache.kinds import CacheKind
from bench.errors import DataError

_AGAIN = "fetch or export the file again"
_DAMAGE = (OSError, EOFError, ValueError, SyntaxError, KeyError, struct.error, MemoryError)
# Weights of ITU-R BT.601, as PIL and OpenCV use them for grey.
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_PNG_COLOUR = {2, 6}


def read_image(path: Path, *, allow_constant: bool = False) -> FloatArray:
    """Read an image with the values that the file holds; nothing goes through 8 bits.

    Args:
        path: PNG, JPEG, BMP, TIFF (8 or 16 bit, or float) or NumPy array.
        allow_constant: accept an image with one value only (an empty label).

    Returns:
        (H, W) float32 of a grey image, (H, W, 3) of a colour one; an alpha channel is dropped,
        a palette resolved.

    Raises:
        DataError: unreadable, truncated, neither grey nor RGB, NaN or infinite, or constant.
    """
    array = _checked_shape(path, _decoded(path, palette=False))
    return _checked_values(path, array, allow_constant=allow_constant)


def read_label(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Read a label or a foreground mask; what is not zero is True.

    Args:
        path: as `read_image`; of a palette image the indices count, of a colour image any
            channel.
        shape: (H, W) of the image it belongs to.

    Returns:
        (H, W) bool.

    Raises:
        DataError: as `read_image`, or of another size than its image.
    """
    array = _checked_shape(path, _decoded(path, palette=True))
    if array.shape[:2] != shape:
        raise DataError(
            f"{path} has {_size(array.shape)} pixels, its image {_size(shape)}; expected one grid",
            hint="resample the label onto the image by nearest neighbour",
        )
    found = array != 0
    return np.asarray(found.any(axis=2) if found.ndim == 3 else found)


def read_values(path: Path) -> list[float]:
    """The different values of a label, sorted."""
    return [float(one) for one in np.unique(_checked_shape(path, _decoded(path, palette=True)))]


def read_row(path: Path, member: str, row: int, cache: Path) -> FloatArray:
    """Read one image of an array in an ``.npz``.

    A compressed array cannot be read in part, so it is unpacked once into the cache.

    Args:
        path: the ``.npz``.
        member: name of the array, (N, H, W) or (N, H, W, 3).
        row: which image.
        cache: the cache folder.

    Returns:
        As `read_image`.

    Raises:
        DataError: as `read_image`, or there is no such array or row.
        StoreError: the cache cannot be written.
    """
    where = f"{path}, array {member!r}, image {row}"
    folder = CacheKind.arrays.folder(cache) / f"{fingerprint_files([path], cache)[path]}-{member}"
    try:
        if not folder.is_dir():
            with publish_folder(folder) as partial, zipfile.ZipFile(path) as archive:
                archive.extract(f"{member}.npy", partial)
            evict(cache, folder_bytes(folder))
        touch(folder)
        array = np.load(folder / f"{member}.npy", mmap_mode="r", allow_pickle=False)
        image = np.asarray(array[row])
    except (zipfile.BadZipFile, IndexError, *_DAMAGE) as error:
        raise DataError(f"{where} cannot be read: {_reason(error)}", hint=_AGAIN) from error
    return _checked_values(Path(where), _checked_shape(Path(where), image), allow_constant=False)


def grey(image: FloatArray) -> FloatArray:
    """(H, W): a grey image itself, of a colour image the luminance."""
    if image.ndim == 2:
        return image
    if (image == image[:, :, :1]).all():
        return np.ascontiguousarray(image[:, :, 0])
    return np.asarray(image @ _LUMINANCE)


# --- files --------------------------------------------------------------------------------------


def _decoded(path: Path, *, palette: bool) -> npt.NDArray[Any]:
    kind = path.suffix.lower()
    try:
        if kind == ".npy":
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        if kind in (".tif", ".tiff"):
            return _tiff(path)
        if kind == ".png" and _is_deep_colour_png(path):
            return _deep_colour_png(path)
        with Image.open(path) as image:
            if image.mode == "P":
                return np.asarray(image if palette else image.convert("RGB"))
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is no image that can be read", hint=_AGAIN) from error
    except (Image.DecompressionBombError, *_DAMAGE) as error:
        raise DataError(f"{path} is truncated or damaged: {_reason(error)}", hint=_AGAIN) from error


def _tiff(path: Path) -> npt.NDArray[Any]:
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) != 1:
                raise DataError(
                    f"{path} holds {len(file.pages)} images, expected one",
                    hint="save each image as a file of its own",
                )
            return file.asarray()
    except tifffile.TiffFileError as error:
        raise DataError(f"{path} is no TIFF that can be read: {error}", hint=_AGAIN) from error
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        raise _needs_codecs(path) from error


def _is_deep_colour_png(path: Path) -> bool:
    """A PNG of 16 bit in colour, which Pillow would silently cut to 8 bit."""
    with path.open("rb") as handle:
        head = handle.read(26)
    return len(head) == 26 and head[24] == 16 and head[25] in _PNG_COLOUR


def _deep_colour_png(path: Path) -> npt.NDArray[Any]:
    try:
        from imagecodecs import png_decode
    except ImportError as error:
        raise _needs_codecs(path) from error
    try:
        return np.asarray(png_decode(path.read_bytes()))
    except RuntimeError as error:  # imagecodecs' own errors
        raise DataError(f"{path} is truncated or damaged: {error}", hint=_AGAIN) from error


def _needs_codecs(path: Path) -> DataError:
    return DataError(
        f"{path} can only be read with imagecodecs (16-bit colour PNG, or compressed TIFF)",
        hint="pip install 'medical-anomaly-bench[images]'",
    )


# --- checks -------------------------------------------------------------------------------------


def _checked_shape(path: Path, array: npt.NDArray[Any]) -> FloatArray:
    if array.dtype.kind not in "iufb":
        raise DataError(f"{path} holds {array.dtype} values, expected numbers", hint=_AGAIN)
    if array.ndim == 3 and array.shape[2] in (1, 2):  # grey, perhaps with alpha
        array = array[:, :, 0]
    if array.ndim == 3 and array.shape[2] == 4:
        array = array[:, :, :3]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or array.size == 0:
        raise DataError(
            f"{path} has shape {array.shape}, expected a grey (H, W) or a colour (H, W, 3) image",
            hint="save each image as a file of its own",
        )
    return np.ascontiguousarray(array, dtype=np.float32)


def _checked_values(path: Path, array: FloatArray, *, allow_constant: bool) -> FloatArray:
    bad = int(np.count_nonzero(~np.isfinite(array)))
    if bad:
        raise DataError(
            f"{path} holds {bad} NaN or infinite pixels, expected finite values",
            hint="replace them and save the file again",
        )
    if not allow_constant and array.min() == array.max():
        raise DataError(f"{path} is {array.flat[0]:g} everywhere, expected an image", hint=_AGAIN)
    return array


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _reason(error: BaseException) -> str:
    """The system's reason without the path, which the message names already."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
