"""From 2-D images to a stack of squares of one size.

Every value follows from one image alone: no statistic of other images, of labels or of the test
set enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.cards import ImagePreparation
from bench.data.arrays import BoolArray, FloatArray
from bench.data.cache.stored import Foreground
from bench.data.cache.unpacked import read_files
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.lesion_counts import Truth
from bench.data.prepare.fit import square_axes
from bench.data.prepare.lesions import find_lesions, place_all
from bench.data.prepare.notes import Note, value_note
from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.resample import Axis, masked
from bench.data.read.background import background_of_image, is_foreground
from bench.data.read.images import grey, read_values
from bench.data.read.labels import read_image_labels, read_image_mask
from bench.errors import DataError, counted, counted_of

# Of an image, so much must be foreground; a small object is one, a speck is none.
_LEAST_OF_IMAGE = 1e-4


def prepare_images(
    files: SubjectFiles, request: PreparationRequest, preparation: ImagePreparation, cache: Path
) -> tuple[dict[str, npt.NDArray[Any]], Truth | None, Foreground | None, int, list[Note]]:
    """Prepare the 2-D images of one subject, one at a time, in the order of their names.

    Foreground as the given mask or the card says (``non-zero``: what is not background, which is
    0 or the one colour of the image's border); intensities of each modality scaled linearly
    so that the card's percentiles of the foreground become 0 and 1 (the channels of a colour
    image share one scale); padded to a square and interpolated once, over foreground pixels only;
    lesions keep their area, and none is lost for being small. Whether an image is abnormal is
    said by its class, else by its label before resizing.

    Args:
        files: the subject's files.
        request: what is wanted of it.
        preparation: of ``request``.
        cache: the cache folder.

    Returns:
        ``images`` (S, C, size, size) float32, ``masks`` (S, size, size) bool, ``image_labels``
        (S,) bool and, where the dataset has labels of pixels, ``labels`` (S, size, size) bool;
        where some of these pixels are neither lesion nor normal, or nobody labelled an abnormal
        image, also ``ignored``, of the same type; what of the labels is kept, None where they
        are not in the result; what of the images is foreground, None where all of it is; how
        many images a lesion-free request leaves out; and what is odd about the files.

    Raises:
        DataError: a file that cannot be trusted, modalities of one image of different sizes, or an
            image so much wider than high that nothing of it is left in the square.
        StoreError: the cache cannot be written.
    """
    size = request.size
    depth = preparation.channels_per_modality * len(request.channels)
    pixelwise = request.with_label and (
        files.pixel_labels
        or (
            all(one.label is not None or one.abnormal is False for one in files.image_files)
            and any(one.label is not None for one in files.image_files)
        )
    )
    images, masks, labels, ignored, abnormal = [], [], [], [], []
    truth = Truth()
    areas, found, values = list[tuple[int, int]](), set[float](), set[float]()
    for one in files.image_files:
        read = {name: read_files(one, name, cache) for name in request.channels}
        layers, inside, backgrounds = scaled_layers(one, read, preparation)
        shape = (inside.shape[0], inside.shape[1])
        used = one.labels if request.needs_label else ()
        lesion, unknown = read_image_labels(used, files.values, shape, [*one.paths.values()])
        values.update(value for path in used for value in read_values(path))
        is_abnormal = bool(lesion.any()) if one.abnormal is None else one.abnormal
        if one.abnormal is False and lesion.any():
            raise DataError(
                f"{one.labels[0]}: {counted(int(lesion.sum()), 'lesion pixel')} in an image of a "
                "normal class",
                hint="move the image to an abnormal class, or correct its label",
            )
        if request.lesion_free and (is_abnormal or unknown.any()):
            continue
        axes = square_axes(layers, inside, preparation, size)
        areas.append((int(np.count_nonzero(inside)), inside.size))
        found.update(backgrounds)
        resized, mask = masked(layers, inside.astype(np.float32), axes)
        require_left(one, inside, axes, mask)
        images.append(np.stack(resized))
        masks.append(mask)
        placed, seen = placed_lesions(lesion, axes, mask)
        labels.append(placed)
        ignored.append(_ignored(one, unknown, placed, axes))
        truth = total(truth, seen)
        abnormal.append(is_abnormal and request.with_label)
    arrays: dict[str, npt.NDArray[Any]] = {
        "images": np.stack(images) if images else np.zeros((0, depth, size, size), np.float32),
        "masks": np.stack(masks) if masks else np.zeros((0, size, size), np.bool_),
        "image_labels": np.asarray(abnormal, dtype=np.bool_),
    }
    if pixelwise:
        arrays["labels"] = np.stack(labels) if labels else arrays["masks"].copy()
        if any(one.any() for one in ignored):
            arrays["ignored"] = np.stack(ignored)
    share = _share(files, preparation, areas, found)
    odd = value_note(sorted(values), files.values)
    notes = [odd] if odd is not None else []
    dropped = len(files.image_files) - len(images)
    return arrays, truth if pixelwise else None, share, dropped, notes


def _share(
    files: SubjectFiles,
    preparation: ImagePreparation,
    areas: Sequence[tuple[int, int]],
    backgrounds: set[float],
) -> Foreground | None:
    """What of the images is foreground; ``areas`` are the pixels inside, and all, of each."""
    masked_by_file = any(one.mask is not None for one in files.image_files)
    if not areas or (preparation.foreground == "whole" and not masked_by_file):
        return None
    inside, whole = (sum(one) for one in zip(*areas, strict=True))
    return Foreground(tuple(sorted(backgrounds)), inside / whole, "image")


def _ignored(
    files: ImageFiles, unknown: BoolArray, lesion: BoolArray, axes: Sequence[Axis]
) -> BoolArray:
    """Pixels of the prepared square of which nobody says whether they are normal."""
    if files.abnormal and not files.labels:
        return np.ones(lesion.shape, dtype=np.bool_)
    placed, _ = place_all(find_lesions(unknown), axes)
    return placed & ~lesion


def axes_of(
    files: ImageFiles, request: PreparationRequest, preparation: ImagePreparation, cache: Path
) -> tuple[Axis, Axis]:
    """Where the pixels of an image's prepared square lie.

    Args:
        files: one image of a subject.
        request: as of `prepare_images`.
        preparation: as of `prepare_images`.
        cache: as of `prepare_images`.

    Raises:
        DataError: as `prepare_images`.
    """
    read = {name: read_files(files, name, cache) for name in request.channels}
    layers, inside, _ = scaled_layers(files, read, preparation)
    return square_axes(layers, inside, preparation, request.size)


def require_left(
    files: ImageFiles, inside: BoolArray, axes: Sequence[Axis], mask: BoolArray | None = None
) -> None:
    """Refuse an image of which no pixel is left in its square.

    Args:
        files: of the image.
        inside: (H, W), its foreground.
        axes: rows and columns of the square.
        mask: the foreground on them; None makes it, where the foreground is thinner than a pixel.

    Raises:
        DataError: naming the size of the image and of the square.
    """
    if mask is None:
        thick = [np.count_nonzero(inside.any(axis=1 - n)) for n in (0, 1)]
        if all(one >= axis.step for one, axis in zip(thick, axes, strict=True)):
            return
        _, mask = masked([], inside.astype(np.float32), axes)
    if not mask.any():
        height, width = inside.shape
        raise DataError(
            f"no foreground of {next(iter(files.paths.values()))} is left in a square of"
            f" {axes[0].length} x {axes[1].length} pixels: the image has {height} x {width}",
            hint="say fit = 'stretch' or 'crop-to-content' in the card's [preparation], or take"
            " larger images",
        )


def placed_lesions(
    lesion: BoolArray, axes: Sequence[Axis], mask: BoolArray
) -> tuple[BoolArray, Truth]:
    """The lesions of one image on the prepared square, and their counts."""
    lesions = find_lesions(lesion)
    placed, kept = place_all(lesions, axes, mask)
    ranked = int((placed & mask).sum())
    return placed, Truth(
        lesions=len(lesions),
        lesions_kept=kept,
        voxels=int(lesion.sum()),
        voxels_kept=ranked,
        slices=int(bool(lesions)),
        slices_kept=int(ranked > 0),
    )


def total(one: Truth, other: Truth) -> Truth:
    """The lesions of two images together."""
    return Truth(
        lesions=one.lesions + other.lesions,
        lesions_kept=one.lesions_kept + other.lesions_kept,
        voxels=one.voxels + other.voxels,
        voxels_kept=one.voxels_kept + other.voxels_kept,
        slices=one.slices + other.slices,
        slices_kept=one.slices_kept + other.slices_kept,
    )


def scaled_layers(
    files: ImageFiles, read: Mapping[str, FloatArray], preparation: ImagePreparation
) -> tuple[list[FloatArray], BoolArray, tuple[float, ...]]:
    """Scale the modalities of one image.

    Args:
        files: of the image.
        read: each modality as its file holds it, in the order of the channels.
        preparation: of the task.

    Returns:
        Layers (H, W), exactly 0 outside the foreground; the foreground; and the background's
        value in each layer, empty where a mask or the whole image is the foreground.

    Raises:
        DataError: sizes that differ, almost no foreground, or a constant modality.
    """
    channels = [*read]
    stacks = [_stack(files, name, one, preparation) for name, one in read.items()]
    first = stacks[0]
    for name, other in zip(channels, stacks, strict=True):
        if other.shape[1:] != first.shape[1:]:
            raise DataError(
                f"{files.paths[name]} has {other.shape[1]} x {other.shape[2]} pixels,"
                f" {files.paths[channels[0]]} {first.shape[1]} x {first.shape[2]}; expected one"
                " grid for all modalities",
                hint="resample one onto the other",
            )
    inside, backgrounds = _foreground(files, stacks, preparation)
    layers = []
    for name, stack in zip(channels, stacks, strict=True):
        low, high = (float(one) for one in np.percentile(stack[:, inside], preparation.percentiles))
        if not high > low:
            raise DataError(
                f"{files.paths[name]} is constant in its foreground: percentiles"
                f" {preparation.percentiles[0]:g} and {preparation.percentiles[1]:g} are both"
                f" {low:g}",
                hint="check that the file is an image and no mask",
            )
        scaled = (stack - np.float32(low)) / np.float32(high - low)
        scaled[:, ~inside] = 0
        layers += list(scaled)
    return layers, inside, backgrounds


def _stack(
    files: ImageFiles, channel: str, found: FloatArray, preparation: ImagePreparation
) -> FloatArray:
    """(1 or 3, H, W)."""
    if preparation.colour == "grey":
        return grey(found)[None]
    if found.ndim == 2:
        raise DataError(
            f"{files.paths[channel]} is grey, but the card says colour = 'rgb'",
            hint="say colour = 'grey' in the card's [preparation]; it takes both",
        )
    return np.ascontiguousarray(found.transpose(2, 0, 1))


def _foreground(
    files: ImageFiles, stacks: Sequence[FloatArray], preparation: ImagePreparation
) -> tuple[BoolArray, tuple[float, ...]]:
    backgrounds: tuple[float, ...] = ()
    shape = (stacks[0].shape[1], stacks[0].shape[2])
    if files.mask is not None:
        inside = read_image_mask(files.mask, shape, [*files.paths.values()])
    elif preparation.foreground == "whole":
        inside = np.ones(shape, dtype=np.bool_)
    else:
        backgrounds = tuple(value for one in stacks for value in background_of_image(one))
        layers = [layer for one in stacks for layer in one]
        apart = [is_foreground(*one) for one in zip(layers, backgrounds, strict=True)]
        inside = np.asarray(np.any(apart, axis=0))
    total = int(np.count_nonzero(inside))
    if total < max(1, _LEAST_OF_IMAGE * inside.size):
        taken = f"; background was taken to be {_listed(backgrounds)}" if backgrounds else ""
        raise DataError(
            f"the foreground of {next(iter(files.paths.values()))} is empty"
            + (f" or almost so ({counted_of(total, inside.size, 'pixel')})" if total else "")
            + taken,
            hint="check the mask, or say foreground = 'whole' in the card's [preparation]",
        )
    return inside, backgrounds


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{one:g}" for one in values)
