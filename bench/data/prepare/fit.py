"""Where the pixels of a prepared square lie in a 2-D image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.cards import ImagePreparation
from bench.data.arrays import BoolArray, FloatArray
from bench.data.prepare.resample import Axis

# Of the bright pixels so many may lie outside the box: specks, not tissue.
_SPECKS = 0.005
# What lies around the bright part still belongs to it: dim tissue, a lesion at its rim.
_MARGIN = 0.1


def square_axes(
    layers: Sequence[FloatArray], inside: BoolArray, preparation: ImagePreparation, size: int
) -> tuple[Axis, Axis]:
    """The rows and columns of the square.

    Args:
        layers: of the image, (H, W) each.
        inside: (H, W), its foreground.
        preparation: with the fit.
        size: side of the square in pixels.
    """
    if preparation.fit == "pad":
        return padded(inside.shape, size)
    box = [(0, length) for length in inside.shape]
    if preparation.fit == "crop-to-content":
        box = content_box(layers, inside)
    rows, columns = (_filled(*one, size) for one in box)
    return rows, columns


def padded(shape: Sequence[int], size: int) -> tuple[Axis, Axis]:
    """The whole image in the middle of the square, its shape kept."""
    step = max(shape) / size

    def axis(length: int) -> Axis:
        return Axis((length - 1) / 2 - step * (size - 1) / 2, step, size)

    return axis(shape[0]), axis(shape[1])


def _filled(start: int, stop: int, size: int) -> Axis:
    step = (stop - start) / size
    return Axis(start - 0.5 + step / 2, step, size)


def content_box(layers: Sequence[FloatArray], inside: BoolArray) -> list[tuple[int, int]]:
    """First row and column of the content, and those after its last.

    Where all of the image is foreground, content is what is brighter than Otsu's threshold (IEEE
    Transactions on Systems, Man and Cybernetics 9, 1979), with a margin: the retina of a B-scan,
    the disc of a fundus photograph.
    """
    content, margin, specks = inside, 0.0, 0.0
    if inside.all():
        from skimage.filters import threshold_otsu

        mean = np.mean(layers, axis=0)
        threshold = threshold_otsu(mean)  # type: ignore[no-untyped-call]
        content, margin, specks = mean > threshold, _MARGIN, _SPECKS
    box = []
    for axis, length in enumerate(content.shape):
        along = np.cumsum(np.count_nonzero(content, axis=1 - axis))
        first = int(np.searchsorted(along, specks * along[-1], side="right"))
        last = int(np.searchsorted(along, (1 - specks) * along[-1], side="left"))
        room = round(margin * (last + 1 - first))
        box.append((max(0, first - room), min(length, last + 1 + room)))
    return box
