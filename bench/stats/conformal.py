"""Conformal p-values from the scores of healthy voxels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import MetricError

LEVELS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Nominal rates at which the achieved ones are told."""


class Conformal:
    """What healthy validation voxels score, as a measure of what is unusual.

    The p-value of a score is (1 + number of validation voxels that score as high) / (1 + number
    of validation voxels). Of a voxel that is drawn as they were, a share of at most alpha has a
    p-value of at most alpha. Voxels of one subject are alike, so for new subjects this holds on
    average over many validation subjects only: what is achieved is to be measured on others.

    Args:
        scores: (n,) each, of the validation subjects; all finite.

    Raises:
        MetricError: there are none.

    Source:
        Vovk, Gammerman, Shafer, "Algorithmic learning in a random world", 2005; for outliers
        Bates et al., Annals of Statistics 51, 2023.
    """

    def __init__(self, scores: Sequence[npt.NDArray[np.float32]]) -> None:
        self._sorted = np.sort(np.concatenate([*scores, np.empty(0, np.float32)]))
        if not self._sorted.size:
            raise MetricError("there are no healthy validation voxels to calibrate on")
        self.subjects = len(scores)

    @property
    def smallest(self) -> float:
        """The smallest p-value there can be."""
        return 1.0 / (1 + self._sorted.size)

    def p_values(self, scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """P-values of scores of any shape, above 0 and at most 1."""
        below = np.searchsorted(self._sorted, scores, side="left")
        return np.asarray((1.0 + self._sorted.size - below) * self.smallest, dtype=np.float64)
