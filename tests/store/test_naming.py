"""A cell is found by the letters of its key, or by TASK:METHOD[:SEED]."""

import pytest

from bench.errors import StoreError, UnknownName
from bench.store.current import FoundFiles, mark_current
from bench.store.naming import find_cell
from bench.store.store import Store
from fakes.records import record, store


@pytest.fixture
def place(tmp_path):
    made = [
        record("ae", 0.5, key="a0" * 8),
        record("ae", 0.6, seed=1, key="a1" * 8),
        record("pca", 0.5, key="b0" * 8, budget="smoke"),
        record("pca", 0.4, key="b1" * 8, budget="quick", config={"rank": 3}),
    ]
    return Store(store(tmp_path / "runs", *made))


@pytest.mark.parametrize(
    ("name", "key"),
    [("a1", "a1"), ("made-up/t1:ae", "a0"), ("made-up/t1:ae:0", "a0"), ("made-up/t1:ae:1", "a1")],
)
def test_a_name_is_a_key_or_task_method_and_seed(place, name, key):
    assert find_cell(place, name).key == key * 8


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("made-up/t2:ae", UnknownName, "did you mean 'made-up/t1'"),
        ("made-up/t1:aee", UnknownName, "did you mean 'ae'"),
        ("made-up/t1:ae:7", StoreError, "has no seed 7; it has: 0, 1"),
        ("made-up/t1:ae:x", StoreError, "the seed a number"),
        ("zz", StoreError, "no cell has a key that begins with 'zz'"),
    ],
)
def test_what_is_not_there_is_named(place, name, error, words):
    with pytest.raises(error) as caught:
        find_cell(place, name)
    assert words in str(caught.value)


def test_several_cells_of_one_name_are_listed_with_what_tells_them_apart(place):
    with pytest.raises(StoreError) as caught:
        find_cell(place, "made-up/t1:pca")
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 cells are named 'made-up/t1:pca':"
    assert lines[1].split() == ["b0b0b0b0b0b0", "budget", "smoke,", "trained", "on", "made-up"]
    assert lines[2].endswith("budget quick, trained on made-up, rank=3")


def test_cells_of_earlier_files_and_failures_step_back(tmp_path):
    made = [
        record("ae", 0.5, key="c0" * 8, fingerprints={"test": "old", "training": "t"}),
        record("ae", 0.5, key="c1" * 8, fingerprints={"test": "new", "training": "t"}),
        record("ae", None, key="c2" * 8, fingerprints={"test": "new", "training": "t"}),
    ]
    place = Store(store(tmp_path / "runs", *made))
    mark_current(place, FoundFiles("made-up/t1", "made-up", "smoke", "new", "t"))
    assert find_cell(place, "made-up/t1:ae").key == "c1" * 8
