"""Rescoring changes what it is asked for and loses nothing."""

import collections
import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.checksums import check_folder
from bench.errors import StoreError
from bench.execution.rescoring import rescore_cell, rescore_store
from bench.store.predictions import read_predictions, read_subject, write_prediction
from bench.store.store import Store
from fakes import tiny
from fakes.cells import cells, run


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def rescored(data, *protocols):
    return rescore_store(Store(data / "runs"), protocols, processes=1)


def the_record(data):
    ((record,), _) = Store(data / "runs").read_all()
    return record


def test_a_protocol_is_added_and_the_others_stay(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    before = run(data, cell)
    outcome = rescored(data, "pixel-whole@1", "pixel-pooled@1")
    assert (outcome.rescored, outcome.problems) == (1, ())
    after = the_record(data).protocols
    assert {**before.protocols, "pixel-whole@1": after["pixel-whole@1"]} == after


@pytest.fixture(scope="module")
def opened():
    """Paths that this process opens while the list is not None; a hook cannot be taken away."""
    heard = {"paths": None}

    def hear(event, arguments):
        if event == "open" and heard["paths"] is not None:
            heard["paths"].append(str(arguments[0]))

    sys.addaudithook(hear)
    yield heard
    heard["paths"] = None


PROTOCOLS = ("pixel-pooled@2", "pixel-subject@2", "region@2", "image-top@1", "image-standardised@1")


def test_each_prediction_file_is_opened_once_for_all_protocols(data, opened):
    (cell,) = cells(data, tiny.method("Brightness"))
    record = run(data, cell)
    store = Store(data / "runs")
    opened["paths"] = []
    rescore_cell(store.root, record, PROTOCOLS)
    found = collections.Counter(Path(one).name for one in opened["paths"] if "npz" in one)
    opened["paths"] = None
    assert found == dict.fromkeys(
        [*(f"test-p{n}.npz.zst" for n in (1, 2, 3, 4)), "validation-n4.npz.zst"], 1
    )
    assert {the_record(data).protocols[name].status for name in PROTOCOLS} == {"done"}


@pytest.mark.parametrize("keep", ["maps", "scores", "none"])
def test_a_run_scores_what_it_has_in_hand_and_reads_nothing_back(data, opened, keep, monkeypatch):
    (cell,) = cells(data, tiny.method("Brightness"))
    opened["paths"] = []
    monkeypatch.setattr("bench.store.predictions._read", None)
    made = run(data, cell, keep=keep)
    found = {Path(one).name for one in opened["paths"] if one.endswith((".zst", ".partial"))}
    written = [one for one in opened["paths"] if "test-p1." in one]
    opened["paths"] = None
    assert made.status == "done"
    # Written, and read once for its checksum; nothing at all where nothing is kept.
    assert len(written) == (0 if keep == "none" else 2), found


def test_a_run_gives_the_numbers_of_what_is_read_back(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    made = run(data, cell)
    assert rescored(data, *made.protocols).problems == ()
    assert the_record(data) == made


def test_records_of_an_older_bench_get_their_replicates(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    made = run(data, cell)
    store, name = Store(data / "runs"), "pixel-pooled@1"
    old = {name: made.protocols[name].model_copy(update={"resampled": None})}
    store.write_record(made.model_copy(update={"protocols": made.protocols | old}))
    assert the_record(data).protocols[name].resampled is None
    assert rescored(data, name).problems == ()
    assert the_record(data) == made
    assert set(made.protocols[name].resampled.metrics) == {"ap", "auroc"}


def test_a_number_is_never_replaced_by_none(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    before = run(data, cell, keep="scores")
    outcome = rescored(data, "pixel-pooled@1")
    assert outcome.rescored == 0
    assert "its number is left as it is" in outcome.problems[0]
    assert the_record(data) == before
    assert rescored(data, "image@1").problems == ()


@pytest.mark.parametrize("damage", ["missing", "cut", "bit", "another"])
def test_predictions_that_are_not_whole_change_nothing(data, damage):
    (cell,) = cells(data, tiny.method("Brightness"))
    before = run(data, cell)
    folder = Store(data / "runs").prediction_folder(cell.key)
    path = folder / "test-p2.npz.zst"
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:500])
    elif damage == "bit":
        content[len(content) // 2] ^= 0x55
        path.write_bytes(content)
    else:
        path.rename(folder / "test-p9.npz.zst")
    outcome = rescored(data, "pixel-pooled@1")
    assert outcome.rescored == 0
    assert "--force" in outcome.problems[0]
    assert the_record(data) == before


def test_a_changed_value_in_predictions_is_refused(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    before = run(data, cell)
    path = Store(data / "runs").prediction_folder(cell.key) / "test-p2.npz.zst"
    one = read_subject(path.parent, "test", "p2")
    one.maps[0, 0, 0] += 1e-3
    write_prediction(path.parent, one)
    outcome = rescored(data, "pixel-pooled@1")
    assert outcome.rescored == 0
    assert "test-p2.npz.zst has other bytes than were written" in outcome.problems[0]
    assert "--force" in outcome.problems[0]
    assert the_record(data) == before


def test_scores_that_are_kept_without_maps_have_right_checksums(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell, keep="scores")
    folder = Store(data / "runs").prediction_folder(cell.key)
    check_folder(folder)
    assert [one.maps for one in read_predictions(folder, "test")] == [None] * 4


def test_predictions_of_an_older_bench_without_checksums_are_read_and_that_is_said(data, caplog):
    from bench.store import predictions

    predictions._say_unsealed.cache_clear()
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell)
    folder = Store(data / "runs").prediction_folder(cell.key)
    (folder / "checksums.json").unlink()
    assert len(list(read_predictions(folder, "test"))) == 4
    assert caplog.text.count("have no checksums") == 1


def test_any_byte_of_a_prediction_file_may_be_damaged(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell)
    folder = Store(data / "runs").prediction_folder(cell.key)
    path = folder / "test-p2.npz.zst"
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    for at in generator.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        with contextlib.suppress(StoreError):  # any other error fails the test
            read_subject(folder, "test", "p2")
