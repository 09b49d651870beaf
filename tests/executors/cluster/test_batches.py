"""Cells become jobs: small ones together, and a shared fit in one of them."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from bench.executors.cluster.batch import in_batches


def cell(number, fit):
    return SimpleNamespace(number=number, fit=SimpleNamespace(key=fit))


def numbers(batches):
    return [[one.number for one in batch] for batch in batches]


def test_small_cells_share_a_job():
    cells = [cell(number, f"fit{number}") for number in range(5)]
    assert numbers(in_batches(cells, 2)) == [[0, 1], [2, 3], [4]]


def test_cells_with_one_fit_stay_together():
    cells = [cell(0, "a"), cell(1, "b"), cell(2, "a"), cell(3, "a")]
    assert numbers(in_batches(cells, 2)) == [[0, 2, 3], [1]]


@given(st.lists(st.integers(0, 6), max_size=30), st.integers(1, 8))
def test_every_cell_is_in_one_job_and_every_fit_too(fits, size):
    cells = [cell(number, fit) for number, fit in enumerate(fits)]
    batches = in_batches(cells, size)
    assert sorted(n for batch in numbers(batches) for n in batch) == list(range(len(cells)))
    homes = [{one.fit.key for one in batch} for batch in batches]
    assert sum(len(home) for home in homes) == len(set(fits))
    assert all(
        len(batch) <= size or len(home) == 1 for batch, home in zip(batches, homes, strict=True)
    )
