"""The volumes of one subject with their foreground, read by slices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.data.arrays import BoolArray, FloatArray
from bench.data.files import SubjectFiles
from bench.data.read.background import background_of, is_foreground
from bench.data.read.volumes import Volume, read_mask, read_volume, require_same_grid
from bench.errors import DataError, counted

Box = tuple[slice, slice, slice]

# An ellipsoid fills 52 % of the box around it; a head with its neck some more.
MOST_OF_VOLUME = 0.8
_LEAST_OF_VOLUME = 1e-4


@dataclass(frozen=True)
class Scans:
    """Channels on one grid.

    Attributes:
        volumes: one per channel.
        mask: given foreground; None where it is wherever any channel is not background.
        backgrounds: value of the background of each volume; only used without a mask.
    """

    volumes: tuple[Volume, ...]
    mask: Volume | None
    backgrounds: tuple[float, ...]

    @classmethod
    def read(
        cls,
        files: SubjectFiles,
        channels: Sequence[str],
        scratch: Path,
        background: float | None = None,
    ) -> Scans:
        """Read a subject's volumes and its mask.

        Args:
            files: of the subject.
            channels: modalities, in order.
            scratch: folder for what is larger than memory should hold.
            background: what the card says; None to find it at the border of each volume.

        Raises:
            DataError: as `bench.data.read.volumes.read_volume`, or they lie on several grids.
            StoreError: no room in ``scratch``.
        """
        volumes = [read_volume(files.paths[one], scratch=scratch) for one in channels]
        mask = None if files.mask is None else read_mask(files.mask, volumes[0], scratch)
        return cls.of(volumes, mask, background)

    @classmethod
    def of(
        cls, volumes: Sequence[Volume], mask: Volume | None, background: float | None = None
    ) -> Scans:
        """Volumes that are read already.

        Args:
            volumes: one per channel, at least one.
            mask: given foreground on their grid.
            background: as of `read`.

        Raises:
            DataError: the volumes lie on several grids.
        """
        for other in volumes[1:]:
            require_same_grid(other, volumes[0])
        found = tuple(
            background_of(one.slabs) if background is None and mask is None else background or 0.0
            for one in volumes
        )
        return cls(tuple(volumes), mask, found)

    def inside(self, slices: range) -> BoolArray:
        """(n, rows, columns) bool, foreground of some slices."""
        if self.mask is not None:
            return np.asarray(self.mask.slabs.read(slices.start, slices.stop), dtype=np.bool_)
        first, *others = (
            is_foreground(one.slabs.read(slices.start, slices.stop), background)
            for one, background in zip(self.volumes, self.backgrounds, strict=True)
        )
        for other in others:
            first |= other
        return np.asarray(first)

    def parts(self) -> Iterator[range]:
        """Ranges of slices, together all, that may be worked on at once."""
        return self.volumes[0].slabs.parts()

    def values(self, channel: int, box: Box) -> Iterator[FloatArray]:
        """The foreground's values of one channel, in parts; ``box`` (x, y, z) is around it."""
        x, y, z = box
        for one in self.parts():
            part = range(max(one.start, z.start), min(one.stop, z.stop))
            if part:
                yield self.slices(channel, part)[:, y, x][self.inside(part)[:, y, x]]

    def slices(self, channel: int, slices: range) -> FloatArray:
        """(n, rows, columns) float32, some slices of one channel, not to be changed."""
        found = self.volumes[channel].slabs.read(slices.start, slices.stop)
        return np.asarray(found, dtype=np.float32)


@dataclass(frozen=True)
class Extent:
    """Where the foreground lies; axes in the order x, y, z.

    Attributes:
        counts: foreground voxels at each place along an axis.
    """

    counts: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]

    @classmethod
    def of(cls, scans: Scans) -> Extent:
        """Count the foreground.

        Raises:
            DataError: there is none, or it cannot be a brain.
        """
        x, y, z = (np.zeros(n, dtype=np.int64) for n in scans.volumes[0].shape)
        for part in scans.parts():
            inside = scans.inside(part)
            # Rows first: sums over whole images are the expensive ones.
            over_rows = np.count_nonzero(inside, axis=1)
            x += over_rows.sum(axis=0)
            z[part.start : part.stop] = over_rows.sum(axis=1)
            y += np.count_nonzero(inside, axis=(0, 2))
        extent = cls((x, y, z))
        extent.require_brain(scans)
        return extent

    def require_brain(self, scans: Scans) -> None:
        """Refuse a foreground that cannot be a brain.

        Raises:
            DataError: it is empty or almost so, or fills the box around it.
        """
        where = (
            f"the mask {scans.mask.path}"
            if scans.mask is not None
            else (f"the foreground of {scans.volumes[0].path}")
        )
        share = self.share
        if share < _LEAST_OF_VOLUME or not share:
            raise DataError(
                f"{where} is empty or almost so ({counted(self.total, 'voxel')}), expected a brain",
                hint="make the mask again with a skull-stripping tool",
            )
        if share > MOST_OF_VOLUME:
            taken = ", ".join(f"{one:g}" for one in scans.backgrounds)
            said = f"; background was taken to be {taken}" if scans.mask is None else ""
            raise DataError(
                f"{where} fills {100 * share:.0f} % of the volume, a brain at most"
                f" {100 * MOST_OF_VOLUME:.0f} %{said}",
                hint="give a brain mask in the card's layout, or the value around the brain as"
                " background in its [preparation]",
            )

    @property
    def share(self) -> float:
        """Share of the volume's voxels, 0 to 1."""
        return self.total / math.prod(count.size for count in self.counts)

    @property
    def total(self) -> int:
        """Number of foreground voxels."""
        return int(self.counts[0].sum())

    @property
    def box(self) -> Box:
        """The smallest box around the foreground."""
        found = []
        for count in self.counts:
            hit = np.flatnonzero(count)
            found.append(slice(int(hit[0]), int(hit[-1]) + 1))
        return found[0], found[1], found[2]

    @property
    def centre(self) -> list[float]:
        """Centre of mass, in voxels."""
        return [float(np.average(np.arange(count.size), weights=count)) for count in self.counts]
