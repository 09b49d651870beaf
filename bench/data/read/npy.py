"""2-D images as NumPy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def decode(path: Path, *, indices: bool) -> npt.NDArray[Any]:
    """Read an image; see `bench.data.read.contract.ImageReader`."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
