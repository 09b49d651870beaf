"""2-D images as NumPy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import DataError


def decode(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    """Read an image; see `bench.data.read.contract.ImageReader`."""
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    # Archives (.npz) are not mapped, and are refused for what they hold.
    behind = 0
    if isinstance(found, np.memmap):
        behind = path.stat().st_size - found.offset - found.nbytes
    if behind:
        raise DataError(
            f"{path} has {behind} bytes behind its array, as a second array makes them; expected"
            " one array",
            hint="save each image as a file of its own",
        )
    return np.asarray(found)
