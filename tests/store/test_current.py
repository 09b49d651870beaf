"""A store knows which files are there now, so that older numbers are never shown as today's."""

import json

from bench.store.current import FoundFiles, Marks, mark_current, read_marks
from bench.store.store import Store
from fakes.records import a_record

FOUND = FoundFiles("x/t", "x", "smoke", test="t1", training="l1")


def record_of(test="t1", training="l1", **more):
    files = {"test": test, "training": training}
    content = {"dataset": "x", "task": "x/t", "train_on": "x", "fingerprints": files}
    return a_record(**{**content, **more})


def test_the_files_found_last_are_those_of_now(tmp_path):
    store = Store(tmp_path)
    assert read_marks(store) == Marks()
    mark_current(store, FOUND)
    marks = read_marks(store)
    assert not marks.moved(record_of())
    assert marks.moved(record_of(test="t2"))
    assert marks.moved(record_of(training="l2"))
    mark_current(store, FoundFiles("x/t", "x", "smoke", test="t2", training="l1"))
    assert read_marks(store).moved(record_of())
    assert not read_marks(store).moved(record_of(test="t2"))
    mark_current(store, FOUND)  # the correction is taken back
    assert not read_marks(store).moved(record_of())


def test_test_files_count_for_all_budgets_and_sources_training_files_for_their_own(tmp_path):
    store = Store(tmp_path)
    mark_current(store, FoundFiles("x/t", "x", "smoke", test="t2", training="l2"))
    marks = read_marks(store)
    assert marks.moved(record_of(budget="paper", train_on="ixi"))
    assert not marks.moved(record_of(test="t2", budget="paper"))
    assert not marks.moved(record_of(test="t2", train_on="ixi"))
    assert not marks.moved(record_of(task="x/other"))


def test_a_right_mark_keeps_its_date_and_a_damaged_one_is_named(tmp_path):
    store = Store(tmp_path)
    mark_current(store, FOUND)
    path = tmp_path / "_current" / "x" / "t" / "test.json"
    path.write_text(json.dumps({"fingerprint": "t1", "since": "2001-01-01"}))
    mark_current(store, FOUND)
    assert json.loads(path.read_text())["since"] == "2001-01-01"
    path.write_text("{")
    marks = read_marks(store)
    assert [one.path for one in marks.broken] == [path]
    assert not marks.moved(record_of(test="t2"))
    mark_current(store, FOUND)
    assert read_marks(store).broken == ()
