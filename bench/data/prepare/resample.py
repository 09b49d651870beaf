"""Resampling along the axes of a volume: separable, mask-aware, the same bytes everywhere.

Each output voxel is a weighted mean of input voxels. Plain array arithmetic, no matrix product:
a BLAS may add in another order with another number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from bench.data.arrays import BoolArray, FloatArray

# Below this step linear interpolation alone hardly aliases, and a prefilter would only blur.
_PREFILTER_STEP = 1.5
_TRUNCATE = 4.0
_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True)
class Axis:
    """Where the output lies along one input axis.

    Attributes:
        first: input coordinate of the first output voxel's centre, in input voxels.
        step: distance between output voxels in input voxels; negative where the axis turns.
        length: number of output voxels.
        skipped: output voxels before them that are made in another part.
        absent: input voxels before those that are given. Unlike `shifted`, which moves the
            zero point, both leave every position the same to the last bit, so that a volume
            resampled in parts is the one resampled at once.
    """

    first: float
    step: float
    length: int
    skipped: int = 0
    absent: int = 0

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """(length,) input coordinate of each output voxel's centre."""
        number = np.arange(self.skipped, self.skipped + self.length, dtype=np.float64)
        return self.first + self.step * number

    @property
    def sigma(self) -> float:
        """Prefilter width in input voxels, 0 for none.

        A Gaussian that widens a point spread of one input voxel (full width at half maximum) to
        one output voxel: Cardoso et al., "Scale factor point spread function matching", MICCAI
        2015.
        """
        step = abs(self.step)
        return math.sqrt(step**2 - 1) / _FWHM_PER_SIGMA if step > _PREFILTER_STEP else 0.0

    @property
    def room(self) -> int:
        """How many input voxels the prefilter reaches to either side."""
        return int(_TRUNCATE * self.sigma + 0.5)

    def part(self, kept: range) -> Axis:
        """Only the output voxels of a range."""
        return Axis(self.first + self.step * kept.start, self.step, len(kept))

    def shifted(self, start: int) -> Axis:
        """The same places, seen from an input that was cropped to begin at ``start``."""
        return replace(self, first=self.first - start)

    def within(self, kept: range, given: range) -> Axis:
        """Only the output voxels of a range, from an input of which only a range is given."""
        return replace(self, length=len(kept), skipped=kept.start, absent=given.start)

    def portions(self, size: int, most: int) -> Iterator[tuple[range, range]]:
        """Cut the work into parts along this axis.

        Args:
            size: number of input voxels.
            most: about how many input voxels are given at once, and output voxels made; at least
                twice what neighbouring parts share.

        Yields:
            a range of output voxels, and the range of input voxels that they are made of.
        """
        margin = 2 * (self.room + 2)
        most = max(most, 2 * margin)
        thick = max(1, int((most - margin) / max(abs(self.step), 1.0)))
        if max(size, self.length) <= most:
            thick = self.length
        for start in range(0, self.length, thick):
            kept = range(start, min(start + thick, self.length))
            ends = sorted(self.first + self.step * one for one in (kept[0], kept[-1]))
            # One more than needed, because positions are rounded.
            low = min(max(math.floor(ends[0]) - self.room - 1, 0), size - 1)
            high = min(max(math.floor(ends[1]) + self.room + 3, low + 1), size)
            yield kept, range(low, high)


def linear(volume: FloatArray, axes: Sequence[Axis]) -> FloatArray:
    """Sample a volume linearly, smoothed first along the axes that are made much coarser.

    Args:
        volume: any shape, float32; zero is assumed outside.
        axes: one for each axis of the volume.

    Returns:
        float32 of the lengths of ``axes``.
    """
    inside = []
    for number, axis in enumerate(axes):
        if axis.sigma:
            # Room for what the filter spreads beyond the border.
            room = axis.room
            pad = [(room, room) if n == number else (0, 0) for n in range(volume.ndim)]
            volume = gaussian_filter1d(
                np.pad(volume, pad), axis.sigma, axis=number, mode="constant", truncate=_TRUNCATE
            )
            axis = axis.shifted(-room)
        lower = np.floor(axis.positions)
        weight = axis.positions - lower
        lower -= axis.absent
        # Beyond the volume all is 0, so nothing is computed there until the end.
        near = np.flatnonzero((lower >= -1) & (lower < volume.shape[number]))
        reach = slice(int(near[0]), int(near[-1]) + 1) if near.size else slice(0, 0)
        inside.append(reach)
        index, weight = lower[reach].astype(np.int64), weight[reach]
        sampled = _taken(volume, number, index, 1 - weight)
        sampled += _taken(volume, number, index + 1, weight)
        volume = sampled
    whole = np.zeros([axis.length for axis in axes], dtype=np.float32)
    whole[tuple(inside)] = volume
    return whole


def masked(
    channels: Sequence[FloatArray], inside: FloatArray, axes: Sequence[Axis]
) -> tuple[list[FloatArray], BoolArray]:
    """Sample images and their mask so that no background mixes into the rim of the foreground.

    Values and mask go through the same filter and are divided (normalised convolution), so an
    output voxel is a mean of foreground voxels only.

    Args:
        channels: float32, exactly 0 outside the foreground.
        inside: float32 of the same shape, 1 in the foreground and 0 outside.
        axes: one for each axis.

    Returns:
        The images, exactly 0 outside, and their mask: True where at least half of the weight
        was foreground.
    """
    weight = linear(inside, axes)
    mask = weight >= 0.5
    images = [np.zeros(mask.shape, dtype=np.float32) for _ in channels]
    for image, values in zip(images, channels, strict=True):
        np.divide(linear(values, axes), weight, out=image, where=mask)
    return images, mask


def _taken(
    volume: FloatArray,
    axis: int,
    index: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
) -> FloatArray:
    inside = (index >= 0) & (index < volume.shape[axis])
    factor = np.where(inside, weight, 0.0).astype(np.float32)
    taken: FloatArray = volume.take(np.where(inside, index, 0), axis=axis)
    taken *= factor.reshape(_along(axis, volume.ndim))
    return taken


def _along(axis: int, dimensions: int) -> list[int]:
    """The shape that lays a vector along one axis."""
    return [-1 if number == axis else 1 for number in range(dimensions)]
