"""Merging stores: nothing is lost, nothing is overwritten, twice is once."""

import shutil

import pytest

from bench.store.store import Store
from bench.upkeep.merging import merge
from fakes import records as made
from fakes.upkeep import full_store


def content(store):
    return {
        path.relative_to(store.root).as_posix(): path.read_bytes()
        for path in store.root.rglob("*")
        if path.is_file() and not {"_locks", "_partial"} & set(path.parts)
    }


@pytest.fixture
def two(tmp_path):
    here = full_store(tmp_path / "here", made.record("ae"))
    there = full_store(tmp_path / "there", made.record("ae"), made.record("knn"))
    return here, there


def counts(done):
    return done.taken, done.added, done.same, len(done.conflicts), len(done.problems)


def test_new_cells_are_taken_with_all_that_is_theirs_and_twice_does_nothing(two):
    here, there = two
    assert counts(merge(there, here)) == (1, 0, 1, 0, 0)
    assert content(here) == content(there)
    before = {path: path.stat().st_mtime_ns for path in here.root.rglob("*.json")}
    assert counts(merge(there, here)) == (0, 0, 2, 0, 0)
    assert {path: path.stat().st_mtime_ns for path in here.root.rglob("*.json")} == before


def test_other_numbers_are_a_conflict_and_ours_stay(two):
    here, there = two
    other = made.record("ae", 0.25)
    there.write_record(other)
    done = merge(there, here)
    assert counts(done) == (1, 0, 0, 1, 0)
    assert "ae on made-up/t1, seed 0" in done.conflicts[0]
    assert "ap is 0.5 here and 0.25 there" in done.conflicts[0]
    ours = here.read_record(other.task, "ae", other.key)
    assert ours.protocols["image@1"].metrics["ap"] == 0.5


def test_a_rounding_error_is_no_conflict(two):
    here, there = two
    there.write_record(made.record("ae", 0.5 + 1e-9))
    assert counts(merge(there, here)) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize("failed_here", [True, False])
def test_numbers_win_against_a_failure(tmp_path, failed_here):
    failed = made.record("ae", None)
    done = made.record("ae")
    here = full_store(tmp_path / "here", failed if failed_here else done)
    there = full_store(tmp_path / "there", done if failed_here else failed)
    assert counts(merge(there, here)) == ((1, 0, 0, 0, 0) if failed_here else (0, 0, 1, 0, 0))
    assert here.read_record(done.task, "ae", done.key).status == "done"


def test_what_was_cleaned_here_comes_back_and_protocols_add_up(two):
    here, there = two
    ours = here.read_all()[0][0]
    shutil.rmtree(here.prediction_folder(ours.key))
    less = {"image@1": ours.protocols["image@1"]}
    here.write_record(ours.model_copy(update={"protocols": less}))
    assert counts(merge(there, here)) == (1, 1, 0, 0, 0)
    assert here.read_all()[0][0].protocols == ours.protocols
    assert content(here) == content(there)


def test_damage_there_is_named_and_does_not_come_here(two):
    here, there = two
    knn = next(one for one in there.read_all()[0] if one.method == "knn")
    (there.prediction_folder(knn.key) / "p1.npz").write_bytes(b"other")
    (there.root / "made-up" / "t1" / "knn" / "odd.json").write_text("[")
    done = merge(there, here)
    assert counts(done) == (0, 0, 1, 0, 2)
    assert "odd.json cannot be read" in done.problems[0]
    assert "p1.npz has other bytes" in done.problems[1]
    assert here.read_record(knn.task, "knn", knn.key) is None


@pytest.mark.parametrize(
    "changes", [{"task": "../../../outside/t1"}, {"method": "../x"}, {"fit_key": "../../x"},
                {"key": "..\n"}]
)  # fmt: skip
def test_a_record_that_names_places_outside_is_not_taken(tmp_path, changes):
    there = full_store(tmp_path / "there", made.record("ae"))
    (path,) = there.root.glob("[!_]*/*/*/*.json")
    path.write_text(made.record("ae").model_copy(update=changes).model_dump_json())
    here = Store(tmp_path / "here")
    here.open_for_writing()
    assert counts(merge(there, here)) == (0, 0, 0, 0, 1)
    assert content(here) == {}
    assert {one.name for one in tmp_path.iterdir()} == {"here", "there"}
