import shutil

import numpy as np
import pytest

from bench import registry
from bench.data.prepare.version import preparation_fingerprint
from bench.execution.context import RunContext
from bench.execution.record import make_record
from bench.planning.plan import find_record, make_plan
from bench.planning.staleness import is_stale, mark_cells, read_current
from bench.registry.plugins import file_sources
from bench.store.store import Store
from fakes import tiny
from fakes.records import a_record


def current(**changes):
    dataset, method = registry.dataset("phantom"), registry.method("random")
    preparation = preparation_fingerprint(dataset.preparation)
    content = {
        "dataset_version": dataset.version,
        "method": "random",
        "method_version": method.version,
        "budget_values": registry.budget("smoke").key_values(),
        "fingerprints": {"preparation": preparation},
    }
    return a_record(**{**content, **changes})


def test_a_record_of_todays_cards_is_fresh():
    assert not is_stale(current())


@pytest.mark.parametrize(
    "changes",
    [
        {"method_version": 0},
        {"dataset_version": 0},
        {"budget_values": {"steps": 1}},
        {"fingerprints": {"preparation": "x"}},
    ],
    ids=str,
)
def test_a_record_of_other_cards_is_stale(changes):
    assert is_stale(current(**changes))


@pytest.mark.parametrize(
    "changes",
    [{"method": "plugged-in"}, {"dataset": "unknown"}, {"budget": "own", "budget_values": {}}],
    ids=str,
)
def test_what_has_no_card_here_cannot_be_stale(changes):
    assert not is_stale(current(**changes))


def test_other_default_settings_make_a_record_stale():
    method = registry.method("ae")
    now = current(method="ae", method_version=method.version, resolved_config=dict(method.config))
    assert not is_stale(now)
    name = next(iter(method.config))
    moved = {**method.config, name: "another"}
    assert is_stale(now.model_copy(update={"resolved_config": moved}))
    asked = now.model_copy(update={"resolved_config": moved, "config": {name: "another"}})
    assert not is_stale(asked)


def test_a_method_of_a_users_file_is_not_held_against_a_card_of_the_same_name():
    assert not is_stale(current(method_version=9, provenance={"method_file": "/gone/a.py:Random"}))


def test_a_method_of_a_users_file_is_stale_where_its_source_is_another_now(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("A = 1\n")
    told = {"provenance": {"method_file": f"{file}:Mine"}}
    prepared = current().fingerprints
    then = current(**told, fingerprints={**prepared, "method": file_sources(file)})
    assert not is_stale(then)
    file.write_text("A = 2\n")
    assert is_stale(then)
    file.unlink()
    assert not is_stale(then)  # nobody knows


# --- files of now, as a run finds them ---


class Trial:
    """A tiny data set and a store, in which cells are done without being computed."""

    def __init__(self, folder):
        self.folder, self.store = folder, Store(folder / "runs")
        tiny.make_volumes(folder)

    def run(self, *, seeds=1, status="done", into=None):
        """Mark and record all cells as a run would; those that are done stay as they are."""
        store = into or self.store
        asked = tiny.request(tiny.method("Brightness"), seeds=seeds)
        cells = make_plan(asked, data_dir=self.folder, cache=self.folder / "cache").cells
        mark_cells(store, cells, self.folder)
        place = RunContext(
            results=store.root, cache=self.folder, device="cpu", keep="none", command="test"
        )
        for cell in cells:
            if not is_done(store, cell):
                store.write_record(make_record(cell, place, device="cpu", status=status))
        return {cell.key for cell in cells}

    def current(self):
        found = read_current(self.store)
        return {one.key for one in found.records}, {one.key for one in found.older}

    def correct(self, shift):
        """Move the lesion of p1; 0 is where it was."""
        path = self.folder / "tiny" / "p1" / "lesion.nii.gz"
        lesion = np.zeros(tiny.SHAPE, np.uint8)
        lesion[10 - shift : 14 - shift, 12:16, 8:12] = 1
        tiny.write_volume(path, lesion)


def is_done(store, cell):
    record = find_record(store, cell)
    return record is not None and record.status == "done"


@pytest.fixture
def trial(tmp_path):
    return Trial(tmp_path)


def test_after_a_correction_the_new_record_is_current_and_after_taking_it_back_the_old(trial):
    first = trial.run()
    assert trial.current() == (first, set())
    for shift in (1, 2, 3):
        trial.correct(shift)
        newest = trial.run()
        now, older = trial.current()
        assert now == newest
        assert len(older) == shift
    trial.correct(0)
    assert trial.run() == first
    assert trial.current()[0] == first


def test_after_a_patient_is_withdrawn_the_record_with_fewer_subjects_is_current(trial):
    before = trial.run()
    shutil.rmtree(trial.folder / "tiny" / "p3")
    after = trial.run()
    assert trial.current() == (after, before)


def test_a_changed_training_file_counts_too(trial):
    before = trial.run()
    source = trial.folder / "tiny" / "p2" / "T2.nii.gz"
    (trial.folder / "tiny" / "n1" / "T1.nii.gz").write_bytes(source.read_bytes() + b"\0")
    after = trial.run()
    assert trial.current() == (after, before)


def test_a_failed_run_on_new_files_leaves_the_old_number_stale(trial):
    before = trial.run()
    trial.correct(1)
    failed = trial.run(status="failed")
    assert trial.current() == (failed, before)


def test_seeds_that_were_not_run_again_are_stale(trial):
    before = trial.run(seeds=3)
    trial.correct(1)
    after = trial.run(seeds=1)
    assert trial.current() == (after, before)


def test_a_run_that_was_interrupted_before_its_first_cell_leaves_nothing_current(trial):
    before = trial.run()
    trial.correct(1)
    asked = tiny.request(tiny.method("Brightness"))
    cells = make_plan(asked, data_dir=trial.folder, cache=trial.folder / "cache").cells
    mark_cells(trial.store, cells, trial.folder)
    assert trial.current() == (set(), before)


def test_records_of_another_store_count_where_they_are_of_the_same_files(trial):
    other = Store(trial.folder / "other")
    same = trial.run(seeds=2, into=other)
    assert trial.run(seeds=1) < same
    copy_records(other, trial.store)
    assert trial.current() == (same, set())
    trial.correct(1)
    corrected = trial.run(seeds=1)
    copy_records(other, trial.store)
    assert trial.current() == (corrected, same)


def copy_records(source, target):
    for record in source.read_all()[0]:
        target.write_record(record)


def test_a_rescored_record_stays_as_current_as_it_was(trial):
    before = trial.run()
    trial.correct(1)
    after = trial.run()
    (old,) = [one for one in trial.store.read_all()[0] if one.key in before]
    trial.store.write_record(old)  # as rescoring does
    assert trial.current() == (after, before)


def test_the_store_of_an_older_bench_has_no_marks_and_loads_whole(trial):
    keys = trial.run()
    trial.correct(1)
    keys |= trial.run()
    shutil.rmtree(trial.store.root / "_current")
    assert trial.current() == (keys, set())
