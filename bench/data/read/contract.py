"""What a reader of a file format is.

A reader does one thing: it turns one file into numbers. Axes, grids, NaN, empty images, labels
and what fits in memory are the business of `bench.data.read.volumes` and
`bench.data.read.images`, which call it. A reader need not catch the errors of its decoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header


class OpenVolume(Protocol):
    """A volume whose header was read and whose values were not."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(I, J, K), as the file stores it; K is the slowest axis."""

    @property
    def channels(self) -> int:
        """Values per voxel: 1 of a grey volume, more of colours, echoes or time points."""

    @property
    def affine(self) -> npt.NDArray[np.float64] | None:
        """(4, 4), index (i, j, k) to millimetres in RAS+; None where the header has none."""

    @property
    def oriented(self) -> bool:
        """Whether the header says where the axes point; where not, the affine is a guess."""

    @property
    def nifti_header(self) -> Nifti1Header | None:
        """A NIfTI header, whose codes and units an export keeps; None of other formats."""

    def slabs(self, thick: int) -> Iterator[tuple[int, FloatArray]]:
        """The scaled values of the first channel, slab by slab along K, in order.

        Args:
            thick: slices to read at once.

        Yields:
            first slice of the slab, and its values (I, J, n) float32.
        """


class VolumeReader(Protocol):
    """Opens a volume without reading its values."""

    def __call__(self, path: Path) -> OpenVolume:
        """Read the header of ``path``.

        Raises:
            DataError: the header says what cannot be used; any other error counts as damage.
        """


class ImageReader(Protocol):
    """Decodes a 2-D image."""

    def __call__(self, path: Path, *, indices: bool) -> npt.NDArray[Any]:
        """Read all of ``path``.

        Args:
            path: the file.
            indices: of an image with a palette, the indices and not their colours (labels).

        Returns:
            (H, W) grey or (H, W, C), of the type and with the values of the file.

        Raises:
            DataError: the file holds what cannot be used; any other error counts as damage.
        """


class MapWriter(Protocol):
    """Writes a map in the format of the volume it was made of."""

    def __call__(self, path: Path, array: npt.NDArray[Any], like: OpenVolume) -> None:
        """Write ``array`` (I, J, K), in the order of the file's own array, to ``path``.

        Args:
            path: with the suffix that the format's table says.
            array: float32 or uint8.
            like: the volume on whose grid it is.

        Raises:
            OSError: it cannot be written.
        """
