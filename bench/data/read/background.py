"""Which value of an image is background, where no mask says it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray, FloatArray
from bench.data.read.slabs import Slabs

# Of the border, so much must have one value: a brain may be cut off at one side, noise has many.
_LEAST_OF_BORDER = 0.5
_SAMPLES = 64
# Values this close to the background are background: interpolation leaves its last digits.
_ROUNDING = 1e-5


def background_of(slabs: Slabs) -> float:
    """The background of a volume: 0, or the one other value that fills most of its border.

    Args:
        slabs: the voxels.
    """
    last = slabs.shape[0] - 1
    # Of a large border some voxels do: a value that fills half of it fills half of them.
    rows, columns = (max(1, size // _SAMPLES) for size in slabs.shape[1:])
    faces: list[FloatArray] = []
    for part in slabs.parts():
        values = slabs.read(part.start, part.stop)
        faces += [values[:, one, ::columns].flatten() for one in (0, -1)]
        faces += [values[:, ::rows, one].flatten() for one in (0, -1)]
        for place in sorted({0, last} & {*part}):
            faces.append(values[place - part.start, ::rows, ::columns].flatten())
    return most_of_border(np.concatenate(faces))


def most_of_border(border: npt.NDArray[np.float32]) -> float:
    """The value that at least half of a border has; 0 where there is none."""
    values, counts = np.unique(border, return_counts=True)
    most = int(counts.argmax())
    return float(values[most]) if counts[most] >= _LEAST_OF_BORDER * border.size else 0.0


def background_of_image(layers: FloatArray) -> tuple[float, ...]:
    """The background of a 2-D image, a value of each layer: all 0, or the one colour of its border.

    Args:
        layers: (C, H, W), one layer of a grey image, three of a colour one.
    """
    edges = [layers[:, 0], layers[:, -1], layers[:, 1:-1, 0], layers[:, 1:-1, -1]]
    border = np.concatenate(edges, axis=1).T
    colours, counts = np.unique(border, axis=0, return_counts=True)
    most = int(counts.argmax())
    if counts[most] < _LEAST_OF_BORDER * len(border):
        return (0.0,) * len(layers)
    return tuple(float(one) for one in colours[most])


def is_foreground(values: FloatArray, background: float) -> BoolArray:
    """Where values are not background; exactly, where that is 0."""
    if background == 0:
        return np.asarray(values != 0)
    apart = np.abs(values - np.float32(background))
    return np.asarray(apart > _ROUNDING * max(abs(background), 1e-6))
