"""From maps on the prepared grid back to the grid of the files they came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
import numpy.typing as npt
import tifffile
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from PIL import Image
from scipy.ndimage import affine_transform

from bench.atomic import whole_file
from bench.data.arrays import BoolArray, FloatArray
from bench.data.prepare.fit import padded
from bench.data.prepare.resample import Axis
from bench.data.read.formats import format_of
from bench.data.read.volumes import open_volume
from bench.errors import StoreError
from bench.geometry import Geometry

# Text of a NIfTI header; converters write scan dates, and some the patient's name.
_WORDS = ("descrip", "aux_file", "db_name", "data_type", "intent_name")


def to_volume(
    maps: FloatArray, masks: BoolArray, geometry: Geometry
) -> tuple[FloatArray, BoolArray]:
    """Maps of a volume's slices on the grid of its file.

    Each voxel of the file takes the linear interpolation of the map at its centre, over
    foreground only (normalised convolution, as preparation does). Where a voxel's centre is the
    centre of a prepared one, it has that one's value (to float32 rounding).

    Args:
        maps: (S, H, W) float32.
        masks: (S, H, W) bool, foreground.
        geometry: where the stack lies.

    Returns:
        Map, float32 of ``geometry.input_shape``, 0 where no foreground was judged; and bool of
        the same shape, where it was.
    """
    first, last = int(geometry.slices[0]), int(geometry.slices[-1])
    # A stack that lost its slices with lesions has holes.
    stack = np.zeros((last - first + 1, *maps.shape[1:]), dtype=np.float32)
    inside = np.zeros(stack.shape, dtype=np.float32)
    at = geometry.slices - first
    stack[at], inside[at] = np.where(masks, maps, 0), masks
    # Index of the file's array to (row, column, slice) of the grid, to (slice, row, column) here.
    inward = (np.linalg.inv(geometry.affine) @ geometry.input_affine)[[2, 0, 1, 3]]
    inward[0, 3] -= first
    return _sampled(stack, inside, inward[:3, :3], inward[:3, 3], geometry.input_shape)


def to_image(
    map: FloatArray,
    mask: BoolArray,
    shape: tuple[int, int],
    axes: tuple[Axis, Axis] | None = None,
) -> tuple[FloatArray, BoolArray]:
    """A map of a 2-D image on the grid of its file; as `to_volume`.

    Args:
        map: (size, size) float32.
        mask: (size, size) bool, foreground.
        shape: (H, W) of the file.
        axes: where the pixels lie (`bench.data.prepare.images.axes_of`); None for an image that
            was padded to a square.

    Returns:
        Map, (H, W) float32, and where there was foreground, (H, W) bool.
    """
    axes = axes or padded(shape, map.shape[0])
    scale = np.array([1 / one.step for one in axes])
    offset = np.array([-one.first / one.step for one in axes])
    return _sampled(np.where(mask, map, 0), mask.astype(np.float32), scale, offset, shape)


def _sampled(
    values: FloatArray,
    inside: FloatArray,
    matrix: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    shape: tuple[int, ...],
) -> tuple[FloatArray, BoolArray]:
    # A map is no photograph: its scale is kept, so nothing is smoothed where the file is coarser.
    options: dict[str, Any] = {
        "offset": offset,
        "output_shape": shape,
        "order": 1,
        "mode": "grid-constant",
        "output": np.float32,
        "prefilter": False,
    }
    weight = affine_transform(inside, matrix, **options)
    found = affine_transform(values, matrix, **options)
    mask = weight >= 0.5
    return np.divide(found, weight, out=np.zeros_like(found), where=mask), mask


# --- files --------------------------------------------------------------------------------------


def map_suffix(like: Path) -> str:
    """The suffix of a map of a volume: of its own format, or ``.nii.gz`` where that is read only.

    Raises:
        DataError: no reader knows ``like``.
    """
    return format_of(like, "volume").maps


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    try:
        with whole_file(path) as partial:
            yield partial
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def write_volume(path: Path, array: FloatArray | BoolArray, like: Path) -> None:
    """Write a volume with the affine, the codes and the units of another file.

    Args:
        path: with a suffix of the format of ``like`` (`map_suffix`); it is overwritten.
        array: (I, J, K) in the order of the file's own array; float32 in the map's unit, or bool,
            which is written as 0 and 1.
        like: the file whose grid it is on.

    Raises:
        DataError: ``like`` cannot be read.
        StoreError: the file cannot be written.
    """
    source = open_volume(like)
    dtype = np.uint8 if array.dtype == np.bool_ else np.float32
    writer = format_of(like, "volume").map_writer()
    if writer is not None:
        with _written(path) as partial:
            writer(partial, array.astype(dtype), source)
        return
    header = _map_header(source.nifti_header, dtype)
    kind: Any = nibabel.Nifti2Image if isinstance(header, Nifti2Header) else nibabel.Nifti1Image
    image: Any = kind(array.astype(dtype), source.affine, header)
    with _written(path) as partial:
        nibabel.save(image, partial)


def _map_header(like: Nifti1Header | None, dtype: npt.DTypeLike) -> Nifti1Header | None:
    """A header with the codes and the units of another, and none of its words: some are names."""
    header: Any = like
    if header is None:
        return None
    found = header.copy()
    found.set_data_dtype(dtype)
    found["cal_min"] = found["cal_max"] = 0  # the display range of the input's values
    found["intent_code"] = 0  # what the input's values mean
    for name in _WORDS:
        if name in found:  # NIfTI-2 has fewer
            found[name] = b""
    found.extensions.clear()
    return cast("Nifti1Header", found)


def write_map(path: Path, map: FloatArray) -> None:
    """Write a map as a TIFF of 32-bit floats; an existing file is overwritten.

    Args:
        path: ``.tif`` or ``.tiff``.
        map: (H, W), higher is more anomalous, in the method's own unit.

    Raises:
        StoreError: the file cannot be written.
    """
    with _written(path) as partial:
        tifffile.imwrite(partial, map.astype(np.float32))


def write_mask(path: Path, mask: BoolArray) -> None:
    """Write a mask as a PNG of 0 and 255; an existing file is overwritten.

    Args:
        path: ``.png``.
        mask: (H, W) bool, True is foreground.

    Raises:
        StoreError: the file cannot be written.
    """
    with _written(path) as partial:
        Image.fromarray(mask.astype(np.uint8) * 255).save(partial)
