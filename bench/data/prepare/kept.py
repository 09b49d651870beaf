"""What preparation would keep of the lesions, and what it would refuse; no image is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench.cards import ImagePreparation, Preparation
from bench.data.arrays import BoolArray, FloatArray
from bench.data.files import ImageFiles
from bench.data.lesion_counts import Truth
from bench.data.prepare.common_grid import CommonGrid, require_fit
from bench.data.prepare.fit import square_axes
from bench.data.prepare.images import placed_lesions, require_left, scaled_layers
from bench.data.prepare.lesions import lesions_in, place_all
from bench.data.prepare.resample import masked
from bench.data.prepare.volumes import counted, foreground_on, intensity_range, slice_range
from bench.data.read.scans import Extent, Scans
from bench.data.read.volumes import Volume


def volume_truths(
    scans: Scans, label: Volume | None, preparation: Preparation, sizes: Sequence[int]
) -> dict[int, Truth]:
    """Judge the volumes of one subject as `bench.data.prepare.volumes.prepare_volumes` does.

    Args:
        scans: the channels of a task.
        label: bool, its lesions; None counts nothing.
        preparation: of the task.
        sizes: sides of the prepared images in pixels.

    Returns:
        What is kept, by size; empty without a label.

    Raises:
        DataError: as `prepare_volumes`.
    """
    extent = Extent.of(scans)
    first = scans.volumes[0]
    grid = CommonGrid.of(first, extent.centre, preparation, sizes[0] if sizes else 1)
    require_fit(scans, extent, grid)
    stack = slice_range(scans, extent, grid, preparation)
    for channel in range(len(scans.volumes)):
        intensity_range(scans, channel, extent, preparation)
    if label is None:
        return {}
    lesions = lesions_in(label.slabs)
    found = {}
    for size in sizes:
        places = CommonGrid.of(first, extent.centre, preparation, size).of_slices(stack)
        if not lesions:
            found[size] = Truth()
            continue
        masks = foreground_on(scans, extent, places.resized)
        placed, kept = place_all(lesions, places.resized, masks)
        found[size] = counted(label, lesions, kept, placed & masks, places)
    return found


def image_truths(
    files: ImageFiles,
    read: Mapping[str, FloatArray],
    lesion: BoolArray | None,
    preparation: ImagePreparation,
    sizes: Sequence[int],
) -> tuple[dict[int, Truth], float | None]:
    """Judge one 2-D image as `bench.data.prepare.images.prepare_images` does.

    Args:
        files: of the image.
        read: each modality of a task as its file holds it.
        lesion: (H, W) bool; None counts nothing.
        preparation: of the task.
        sizes: sides of the prepared images in pixels.

    Returns:
        What is kept of the lesions, by size; empty without a label. And the foreground's share of
        the image, 0 to 1; None where the card says that it is the whole image.

    Raises:
        DataError: as `prepare_images`.
    """
    layers, inside, _ = scaled_layers(files, read, preparation)
    whole = files.mask is None and preparation.foreground == "whole"
    share = None if whole else float(inside.mean())
    for size in sizes:
        require_left(files, inside, square_axes(layers, inside, preparation, size))
    if lesion is None:
        return {}, share
    if not lesion.any():
        return dict.fromkeys(sizes, Truth()), share
    found = {}
    for size in sizes:
        axes = square_axes(layers, inside, preparation, size)
        _, mask = masked([], inside.astype(np.float32), axes)
        _, found[size] = placed_lesions(lesion, axes, mask)
    return found, share
