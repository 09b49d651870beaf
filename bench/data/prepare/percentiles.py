"""Percentiles of more values than memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from bench.data.arrays import FloatArray

Keys = npt.NDArray[np.uint32]

_HALF = 2**16
_SIGN = np.uint32(2**31)


def percentiles(parts: Callable[[], Iterable[FloatArray]], wanted: Sequence[float]) -> list[float]:
    """The percentiles of values that come in parts, exactly as `numpy.percentile` gives them.

    The order statistics are found by counting: once by the upper half of the bits of each value,
    then, within the few counts that matter, by the lower half.

    Args:
        parts: gives the values, float32, finite, at least one; called twice.
        wanted: percentiles, 0 to 100.

    Returns:
        float64 values, interpolated linearly between the two nearest ranks.
    """
    counts = np.zeros(_HALF, dtype=np.int64)
    for part in parts():
        counts += np.bincount(_keys(part) >> 16, minlength=_HALF)
    last = int(counts.sum()) - 1
    places = [one / 100 * last for one in wanted]
    ranks = sorted({rank for one in places for rank in (int(one), min(int(one) + 1, last))})
    upper = np.searchsorted(np.cumsum(counts), ranks, side="right")
    lower = {int(one): np.zeros(_HALF, dtype=np.int64) for one in upper}
    for part in parts():
        keys = _keys(part)
        for one, found in lower.items():
            found += np.bincount(keys[keys >> 16 == one] & (_HALF - 1), minlength=_HALF)
    values = {}
    for rank, one in zip(ranks, upper.tolist(), strict=True):
        before = rank - int(counts[:one].sum())
        low = int(np.searchsorted(np.cumsum(lower[one]), before, side="right"))
        values[rank] = _value(one * _HALF + low)
    return [
        _between(values[int(one)], values[min(int(one) + 1, last)], one - int(one))
        for one in places
    ]


def _keys(values: FloatArray) -> Keys:
    """Whole numbers in the order of the values."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _value(key: int) -> np.float32:
    bits = np.array([key ^ 2**31 if key & 2**31 else 2**32 - 1 - key], dtype=np.uint32)
    return np.float32(bits.view(np.float32)[0])


def _between(below: np.float32, above: np.float32, share: float) -> float:
    """As numpy does it: from the nearer end, the difference in float32."""
    step = float(above - below)
    return float(below) + step * share if share < 0.5 else float(above) - step * (1 - share)
