import numpy as np
import pytest

from bench.data.prepare.percentiles import percentiles


def values(kind, count, rng):
    if kind == "ties":
        return rng.integers(-3, 4, count).astype(np.float32)
    if kind == "wide":
        return (rng.normal(0, 1, count) * 10.0 ** rng.uniform(-30, 30, count)).astype(np.float32)
    return rng.normal(100, 30, count).astype(np.float32)


@pytest.mark.parametrize("kind", ["ties", "wide", "scan"])
@pytest.mark.parametrize("count", [1, 2, 3, 101, 5000])
def test_the_bytes_of_numpy(kind, count):
    rng = np.random.default_rng([count, len(kind)])
    for _ in range(4):
        given = values(kind, count, rng)
        wanted = [0, 1, 50, 99, 100, *rng.uniform(0, 100, 4)]
        parts = np.array_split(given, rng.integers(1, 6))
        found = percentiles(lambda parts=parts: iter(parts), wanted)
        assert found == np.percentile(given, wanted).tolist()


def test_strided_parts_count_like_others():
    given = np.arange(60, dtype=np.float32).reshape(6, 10)[:, ::2]
    assert percentiles(lambda: [given.T.ravel()], [25]) == [np.percentile(given, 25)]
