"""What a check keeps of each image to compare it with the others."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.data.lesion_counts import Truth


@dataclass(frozen=True)
class Summary:
    """What is kept of one image.

    Attributes:
        where: its file.
        subject: whose it is.
        modality: only images of one modality are compared.
        axes: where the array's axes point, such as ``LAS``; empty for a 2-D image.
        measures: positive numbers by name, such as ``voxel volume (mm3)``.
        thumbnail: float32 vector of mean 0 and length 1; the product of two is their correlation.
    """

    where: str
    subject: str
    modality: str
    axes: str
    measures: dict[str, float]
    thumbnail: npt.NDArray[np.float32]


@dataclass
class Seen:
    """What is kept of one subject.

    Attributes:
        summaries: of its sound images.
        truths: what of its lesions is kept, by the size of the prepared images; empty where there
            are no labels.
        values: every value of its labels.
        shares: of each image, or of the volume, how much is foreground, 0 to 1; empty where all is.
        lesions: of each image with a lesion, or of the volume's slices with one, how much of the
            foreground is lesion.
        abnormal: names of the images, or numbers of the slices, whose label has a lesion.
    """

    summaries: list[Summary] = field(default_factory=list)
    truths: dict[int, Truth] = field(default_factory=dict)
    values: set[float] = field(default_factory=set)
    shares: list[float] = field(default_factory=list)
    lesions: list[float] = field(default_factory=list)
    abnormal: set[str] = field(default_factory=set)


def thumbnail(values: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float32]:
    """Block means of what is not zero, so that crops, scaling and noise hardly matter.

    Args:
        values: of any number of axes, not all zero.
        side: blocks along each axis.

    Returns:
        (side ** axes,) float32 of mean 0 and length 1; all 0 for a constant image.
    """
    found = values.astype(np.float64)
    for axis in range(values.ndim):
        others = tuple(other for other in range(values.ndim) if other != axis)
        hit = np.flatnonzero((values != 0).any(axis=others))
        found = found.take(np.arange(hit[0], hit[-1] + 1), axis=axis)
    for axis in range(values.ndim):
        edges = np.linspace(0, found.shape[axis], side + 1).astype(np.int64)[:-1]
        counts = np.diff([*edges, found.shape[axis]])
        shape = [-1 if other == axis else 1 for other in range(values.ndim)]
        # An axis shorter than `side` repeats edges, for which reduceat takes the element itself.
        found = np.add.reduceat(found, edges, axis=axis) / np.maximum(counts, 1).reshape(shape)
    flat = found.ravel() - found.mean()
    length = float(np.linalg.norm(flat))
    return np.asarray(flat / length if length > 0 else flat, dtype=np.float32)
