"""What a store's parts take, and what freeing them leaves."""

import pytest

from bench.store.locks import hold
from bench.upkeep.cleaning import entries, free, size_of
from bench.upkeep.kinds import Cleaned
from fakes import records as made
from fakes.upkeep import full_store


def of_kind(found, kind):
    return [one for one in found if one.kind is kind]


@pytest.fixture
def store(tmp_path):
    return full_store(
        tmp_path / "runs", made.record("ae"), made.record("knn"), made.record("old", fit_key="o")
    )


@pytest.fixture
def stale(store):
    return [one for one in store.read_all()[0] if one.method == "old"]


@pytest.mark.parametrize(
    ("kind", "folder", "count"),
    [(Cleaned.predictions, "_predictions", 3), (Cleaned.fits, "_fits", 2),
     (Cleaned.logs, "_logs", 3)],
)  # fmt: skip
def test_one_kind_is_freed_and_the_records_stay(store, kind, folder, count):
    found = of_kind(entries(store, []), kind)
    size = size_of(store.root / folder)
    assert (len(found), sum(one.size for one in found)) == (count, size)
    assert free(found) == size
    assert list((store.root / folder).iterdir()) == []
    assert len(store.read_all()[0]) == 3


def test_stale_cells_go_with_what_is_theirs_alone(store, stale):
    shared = made.record("older", fit_key="f")  # its fit is that of cells that stay
    full_store(store.root, shared)
    found = of_kind(entries(store, [*stale, shared]), Cleaned.stale)
    assert [len(one.paths) for one in found] == [4, 3]
    assert free(found) == sum(one.size for one in found)
    assert {one.method for one in store.read_all()[0]} == {"ae", "knn"}
    assert [path.name for path in (store.root / "_fits").iterdir()] == ["f"]
    assert len(list((store.root / "_predictions").iterdir())) == 2


def test_checkpoints_are_counted(store):
    folder = store.checkpoint_folder("f") / "train.1"
    folder.mkdir(parents=True)
    (folder / "state.safetensors").write_bytes(b"x" * 100)
    (found,) = of_kind(entries(store, []), Cleaned.checkpoints)
    assert (found.size, free([found])) == (100, 100)


def test_what_a_running_cell_has_is_in_use(store):
    record = store.read_all()[0][0]
    with hold(store.lock_path("cell", record.key)):
        used = [one for one in entries(store, [record]) if one.in_use]
    assert {one.kind for one in used} == {Cleaned.predictions, Cleaned.logs, Cleaned.stale}
    assert not [one for one in entries(store, [record]) if one.in_use]
