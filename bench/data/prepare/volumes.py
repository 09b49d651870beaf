"""From volumes to stacks of axial images on a common grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.cards import Preparation
from bench.data.arrays import BoolArray, FloatArray
from bench.data.cache.stored import Foreground
from bench.data.files import SubjectFiles
from bench.data.lesion_counts import Truth
from bench.data.prepare.common_grid import CommonGrid, require_fit
from bench.data.prepare.lesions import Lesion, lesions_in, place_all
from bench.data.prepare.notes import SHEARED, UNORIENTED, Note, value_note
from bench.data.prepare.percentiles import percentiles
from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.resample import Axis, masked
from bench.data.read.labels import read_volume_labels
from bench.data.read.scans import Extent, Scans
from bench.data.read.slabs import PART_VOXELS
from bench.data.read.volumes import Volume
from bench.errors import DataError
from bench.geometry import Geometry


def prepare_volumes(
    files: SubjectFiles, request: PreparationRequest, preparation: Preparation, scratch: Path
) -> tuple[dict[str, npt.NDArray[Any]], Geometry, Truth | None, Foreground, int, list[Note]]:
    """Prepare the volumes of one subject.

    Canonical axes by the affine; foreground by the given mask, else wherever any channel is not
    background (0, or what the card or the border of the volume says); intensities of each channel
    scaled linearly so that the card's percentiles of the foreground become 0 and 1; the centre of
    mass of the foreground in the centre of the common grid; each output voxel interpolated once,
    from the input, by normalised convolution. All of it a few slices at a time, so that memory
    does not grow with the volume; what does not fit is in an unnamed file in the cache folder
    meanwhile.

    The centre of mass, not the centre of the bounding box, because an imperfect mask moves it
    less: over 40 subjects of MSLUB, IXI and OASIS-1, measured against the best translation onto
    the MNI brain, its standard deviation was 0.2, 2.5, 1.6 mm in x, y, z (bounding box: 1.1, 2.4,
    2.7 mm).

    Args:
        files: the subject's files; all that are needed are there.
        request: what is wanted of it.
        preparation: of ``request``.
        scratch: folder for what is larger than memory should hold.

    Returns:
        ``images`` (S, C, size, size) float32, ``masks`` (S, size, size) bool, ``image_labels``
        (S,) bool and, where the label was read, ``labels`` (S, size, size) bool; where the stack
        is in the input; what of the label is kept, None where it was not read; what of the
        volume is foreground; how many slices a lesion-free request leaves out; and what is odd
        about the files.

    Raises:
        DataError: a file cannot be trusted, channels on several grids, no foreground, a constant
            image, or a brain that does not fit in the common grid.
        StoreError: no room in ``scratch``.
    """
    scans = Scans.read(files, request.channels, scratch, preparation.background)
    first = scans.volumes[0]
    extent = Extent.of(scans)
    foreground = Foreground(scans.backgrounds if scans.mask is None else (), extent.share)
    label = ignored = None
    if request.needs_label and files.labels:
        label, ignored = read_volume_labels(files.labels, files.values, first, scratch)
    grid = CommonGrid.of(first, extent.centre, preparation, request.size)
    require_fit(scans, extent, grid)

    stack = slice_range(scans, extent, grid, preparation)
    places = grid.of_slices(stack)
    images, masks = _images(scans, extent, places, preparation)
    arrays: dict[str, npt.NDArray[Any]] = {
        "images": images,
        "masks": masks,
        "image_labels": np.zeros(len(stack), dtype=np.bool_),
    }
    truth = None
    if label is not None:
        truth = _place_label(label, places, arrays)
    elif request.needs_label and files.healthy:
        arrays["labels"], truth = np.zeros_like(masks), Truth()
    if ignored is not None:
        placed, _ = place_all(lesions_in(ignored.slabs), places.resized)
        arrays["ignored"] = placed & ~arrays["labels"]
    keep = np.asarray(stack, dtype=np.int64)
    if request.lesion_free and label is not None:
        normal = ~_touched(label, places.common[0])
        if ignored is not None:
            normal &= ~_touched(ignored, places.common[0])
        arrays = {name: one[normal] for name, one in arrays.items()}
        keep = keep[normal]
    notes = [UNORIENTED] if not all(one.oriented for one in scans.volumes) else []
    notes += [SHEARED] if first.shear < 1 else []
    odd = value_note(label.values, files.values) if label is not None else None
    notes += [odd] if odd is not None else []
    return arrays, grid.geometry(first, keep), truth, foreground, len(stack) - len(keep), notes


# --- images and labels, a few slices at a time --------------------------------------------------


def _images(
    scans: Scans, extent: Extent, places: CommonGrid, preparation: Preparation
) -> tuple[FloatArray, BoolArray]:
    """(S, C, H, W) and (S, H, W)."""
    # Cropping to the foreground changes nothing: all beyond it counts as 0.
    x, y, z = extent.box
    axes = places.cropped(places.resized, extent.box)
    ranges = [intensity_range(scans, one, extent, preparation) for one in range(len(scans.volumes))]
    shape = [one.length for one in axes]
    images: FloatArray = np.empty((shape[0], len(ranges), *shape[1:]), dtype=np.float32)
    masks: BoolArray = np.empty(shape, dtype=np.bool_)
    for made, given in _portions(axes[0], extent):
        part = range(z.start + given.start, z.start + given.stop)
        inside = scans.inside(part)[:, y, x]
        scaled = [
            _scaled(scans.slices(channel, part)[:, y, x], inside, *one)
            for channel, one in enumerate(ranges)
        ]
        place = slice(made.start, made.stop)
        found, masks[place] = masked(
            scaled, inside.astype(np.float32), (axes[0].within(made, given), *axes[1:])
        )
        for channel, one in enumerate(found):
            images[place, channel] = one
    return images, masks


def _portions(slices: Axis, extent: Extent) -> Iterator[tuple[range, range]]:
    """Slices to make, and the slices of the foreground's box that they are made of."""
    x, y, z = extent.box
    area = (x.stop - x.start) * (y.stop - y.start)
    return slices.portions(z.stop - z.start, PART_VOXELS // area)


def _place_label(label: Volume, places: CommonGrid, arrays: dict[str, npt.NDArray[Any]]) -> Truth:
    """Put the lesions on the grid, into ``labels`` and ``image_labels``, and count them."""
    lesions = lesions_in(label.slabs)
    placed, kept = place_all(lesions, places.resized, arrays["masks"])
    common, _ = place_all(lesions, places.common)
    arrays["labels"] = placed
    arrays["image_labels"] = np.any(placed, axis=(1, 2)) | np.any(common, axis=(1, 2))
    return counted(label, lesions, kept, placed & arrays["masks"], places)


def counted(
    label: Volume, lesions: Sequence[Lesion], kept: int, ranked: BoolArray, places: CommonGrid
) -> Truth:
    """Count lesions before and after.

    Args:
        label: whose lesions they are.
        lesions: in the file.
        kept: how many of them have a voxel in the foreground of the prepared images.
        ranked: (S, H, W) bool, lesion pixels in that foreground.
        places: where the prepared images are.
    """
    slices = {
        one.corner[0] + number
        for one in lesions
        for number in np.flatnonzero(one.voxels.any(axis=(1, 2))).tolist()
    }
    voxels = sum(int(one.voxels.sum()) for one in lesions)
    return Truth(
        lesions=len(lesions),
        lesions_kept=kept,
        voxels=voxels,
        voxels_kept=int(ranked.sum()),
        slices=len(slices),
        slices_kept=int(ranked.any(axis=(1, 2)).sum()),
        volume_ml=voxels * float(np.prod(label.voxel_mm)) * label.shear / 1000,
        volume_kept_ml=int(ranked.sum()) * float(np.prod(places.spacing_mm)) * label.shear / 1000,
    )


def intensity_range(
    scans: Scans, channel: int, extent: Extent, preparation: Preparation
) -> tuple[float, float]:
    """The percentiles of the foreground.

    Raises:
        DataError: they are the same: the channel is constant.
    """
    low, high = percentiles(lambda: scans.values(channel, extent.box), preparation.percentiles)
    if not high > low:
        raise DataError(
            f"{scans.volumes[channel].path} is constant in its foreground: percentiles"
            f" {preparation.percentiles[0]:g} and {preparation.percentiles[1]:g} are both {low:g}",
            hint="check that the file is an image and no mask",
        )
    return low, high


def _scaled(values: FloatArray, inside: BoolArray, low: float, high: float) -> FloatArray:
    """Low and high become 0 and 1; 0 outside."""
    scaled = (values - np.float32(low)) / np.float32(high - low)
    scaled[~inside] = 0
    return scaled


def slice_range(scans: Scans, extent: Extent, grid: CommonGrid, preparation: Preparation) -> range:
    """All slices between the first and the last with enough foreground on the common grid.

    Raises:
        DataError: no slice has enough.
    """
    share = foreground_on(scans, extent, grid.common).mean(axis=(1, 2))
    enough = np.flatnonzero(share >= preparation.min_foreground)
    if enough.size == 0:
        raise DataError(
            f"no slice of {scans.volumes[0].path} has {100 * preparation.min_foreground:g} %"
            f" foreground; the largest share is {100 * share.max():.2g} %",
            hint="check the foreground mask, the voxel size in the header, and min_foreground",
        )
    return range(int(enough[0]), int(enough[-1]) + 1)


def foreground_on(scans: Scans, extent: Extent, axes: Sequence[Axis]) -> BoolArray:
    """The foreground on another grid, (slice, row, column) bool."""
    x, y, z = extent.box
    slices, rows, columns = CommonGrid.cropped(axes, extent.box)
    found: BoolArray = np.empty([one.length for one in axes], dtype=np.bool_)
    for made, given in _portions(slices, extent):
        inside = scans.inside(range(z.start + given.start, z.start + given.stop))[:, y, x]
        part = (slices.within(made, given), rows, columns)
        _, found[made.start : made.stop] = masked([], inside.astype(np.float32), part)
    return found


def _touched(label: Volume, slices: Axis) -> BoolArray:
    """Slices whose interpolated intensities come in part from a lesion voxel.

    Also those beside a thin lesion between two slices, which the label on the grid would miss.
    """
    parts = (label.slabs.read(one.start, one.stop) for one in label.slabs.parts())
    lesion = np.flatnonzero(np.concatenate([one.any(axis=(1, 2)) for one in parts]))
    if lesion.size == 0:
        return np.zeros(slices.length, dtype=np.bool_)
    apart = np.abs(slices.positions[:, None] - lesion[None, :]).min(axis=1)
    return np.asarray(apart < max(slices.step, 1.0))
