import json
import shutil

import numpy as np
import pytest

from bench.data.cache.folder import cache_dir
from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.detector import Images, Prediction, Skip
from bench.errors import MethodError, StoreError
from bench.execution.run import accepted_channels, check_prediction
from bench.store.predictions import read_predictions
from bench.store.store import Store
from fakes import tiny
from fakes.cells import cells, run


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def test_a_cell_ends_with_numbers_costs_and_provenance(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    record = run(data, cell)
    assert record.status == "done", record.reason
    assert set(record.protocols) == set(cell.protocols)
    pooled = record.protocols["pixel-pooled@1"]
    assert pooled.metrics["ap"] > 5 * pooled.prevalence > 0
    assert pooled.subjects == 4
    assert record.subjects.test == ["p1", "p2", "p3", "p4"]
    assert record.subjects.train == ["n1", "n2", "n3"]
    assert record.cost.parameters == 1
    assert not record.cost.fit_shared
    assert record.cost.peak_rss_mb > 10
    assert record.provenance["packages"]["numpy"] == np.__version__
    assert Store(data / "runs").read_all() == ([record], [])


def test_a_record_counts_what_was_learned_from_also_where_the_fit_was_there(data):
    first, second = cells(data, tiny.method("Brightness"), tasks=("t1", "t1-again"))
    learned = run(data, first).trained_on
    stacks = [
        len(prepare_subject(files, request_of(first), cache_dir()).images)
        for files in first.fit.train.present
    ]
    assert (learned.subjects, learned.images) == (3, sum(stacks))
    shutil.rmtree(cache_dir() / "prepared")  # the fit itself knows it
    assert run(data, second).trained_on == learned
    about = Store(data / "runs").fit_folder(first.fit.key) / "fit.json"
    kept = json.loads(about.read_text())
    del kept["trained_on"]  # as an older bench wrote it
    about.write_text(json.dumps(kept))
    (about.parent / "checksums.json").unlink()
    shutil.rmtree(data / "runs" / "tiny")
    assert run(data, second).trained_on is None  # not prepared: unknown, not wrong
    for files in first.fit.train.present:
        prepare_subject(files, request_of(first), cache_dir())
    shutil.rmtree(data / "runs" / "tiny")
    assert run(data, second).trained_on == learned


def test_a_record_says_where_its_fit_was_made_on_another_device(data):
    first, second = cells(data, tiny.method("Brightness"), tasks=("t1", "t1-again"))
    assert run(data, first).adapted == run(data, second).adapted
    about = Store(data / "runs").fit_folder(first.fit.key) / "fit.json"
    kept = json.loads(about.read_text())
    assert kept["device"] == "cpu"
    about.write_text(json.dumps(kept | {"device": "cuda"}))
    (about.parent / "checksums.json").unlink()
    shutil.rmtree(data / "runs" / "tiny")
    assert "fit on cuda, predictions on cpu" in run(data, second).adapted


def request_of(cell):
    fit = cell.fit
    return PreparationRequest(fit.channels, fit.preparation, fit.budget.image_size)


def test_predictions_are_kept_raw_for_test_and_validation(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell)
    folder = Store(data / "runs").prediction_folder(cell.key)
    test = list(read_predictions(folder, "test"))
    assert [one.subject for one in test] == ["p1", "p2", "p3", "p4"]
    assert [one.subject for one in read_predictions(folder, "validation")] == ["n4"]
    assert test[0].maps.dtype == np.float32
    assert test[0].maps.shape == test[0].masks.shape == test[0].labels.shape
    assert test[0].labels.any()
    assert not test[1].labels.any()
    assert (test[0].image_labels == test[0].labels.any(axis=(1, 2))).mean() > 0.9
    assert test[0].geometry.input_shape == tiny.SHAPE


@pytest.mark.parametrize(("keep", "maps"), [("scores", False), ("none", None)])
def test_keep_decides_what_stays_and_changes_no_number(data, keep, maps):
    (cell,) = cells(data, tiny.method("Brightness"))
    whole = run(data, cell, results=data / "whole")
    record = run(data, cell, keep=keep)
    assert record.protocols == whole.protocols
    folder = Store(data / "runs").prediction_folder(cell.key)
    assert folder.is_dir() is (maps is not None)
    if maps is not None:
        assert all(one.maps is None for one in read_predictions(folder, "test"))


def test_fits_are_shared_between_tasks_and_the_numbers_agree(data, tmp_path):
    log = tmp_path / "log"
    first, second = cells(data, tiny.method("Brightness", log=str(log)), tasks=("t1", "t1-again"))
    one, other = run(data, first), run(data, second)
    assert log.read_text() == "fit 0\n"
    assert (one.cost.fit_shared, other.cost.fit_shared) == (False, True)
    assert one.cost.fit_seconds == other.cost.fit_seconds
    assert one.protocols == other.protocols


def test_what_a_method_derives_is_shared_by_its_seeds_and_lies_in_the_cache(data, tmp_path):
    made = tmp_path / "made"
    pair = cells(data, tiny.method("Derives", made=str(made)), seeds=2)
    assert [run(data, one).status for one in pair] == ["done", "done"]
    assert made.read_text() == "made by seed 0\n"
    (folder,) = (cache_dir() / "derived").iterdir()
    assert (folder / "mean.npy").is_file()


def test_a_done_cell_is_not_touched_and_force_makes_even_the_fit_anew(data, tmp_path):
    log = tmp_path / "log"
    (cell,) = cells(data, tiny.method("Brightness", log=str(log)))
    record = run(data, cell)
    path = Store(data / "runs").record_path(cell.task, "brightness", cell.key)
    before = path.stat()
    assert run(data, cell) == record
    assert path.stat() == before
    run(data, cell, fresh_after=before.st_mtime + 1000)
    assert log.read_text() == "fit 0\nfit 0\n"


@pytest.mark.parametrize(
    ("name", "status", "kind", "words"),
    [
        ("Raises", "failed", "method", "RuntimeError: the loss is a teapot"),
        ("RunsOutOfMemory", "failed", "out_of_memory", "no more"),
        ("Refuses", "skipped", None, "only on Sundays"),
        ("Nan", "failed", "method", "NaN or infinite"),
        ("WrongShape", "failed", "method", "expected"),
        ("NoSuchClass", "failed", "method", "has no class 'NoSuchClass'"),
    ],
)
def test_what_goes_wrong_in_a_cell_is_recorded(data, name, status, kind, words):
    (cell,) = cells(data, tiny.method(name))
    record = run(data, cell)
    assert (record.status, record.error_class) == (status, kind)
    assert words in record.reason
    assert not record.protocols
    store = Store(data / "runs")
    assert not store.prediction_folder(cell.key).exists()
    assert not list((store.root / "_locks").glob("*.lock"))
    if status == "failed":
        assert "Traceback" in store.log_path(cell.key).read_text()


def test_a_damaged_volume_fails_its_cell_with_the_file_named(data):
    path = data / "tiny" / "p2" / "T1.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    (cell,) = cells(data, tiny.method("Brightness"))
    record = run(data, cell)
    assert (record.status, record.error_class) == ("failed", "data")
    assert str(path) in record.reason


def test_a_constant_score_is_flagged_and_gets_chance(data):
    (cell,) = cells(data, tiny.method("Constant"))
    pooled = run(data, cell).protocols["pixel-pooled@1"]
    assert pooled.degenerate
    assert pooled.metrics == {"ap": pytest.approx(pooled.prevalence), "auroc": 0.5}


def test_labels_names_and_subjects_never_reach_fit(data, tmp_path):
    log = tmp_path / "log"
    (cell,) = cells(data, tiny.method("Spy", told=str(log)))
    assert run(data, cell).status == "done"
    told = json.loads(log.read_text())
    assert set(told["seen"]) == {"images", "masks", "validation"}
    expected = {"seed", "device", "budget", "scratch", "progress", "logger", "derived_folder",
                "log_values", "checkpoints", "micro_batches", "adapted"}  # fmt: skip
    assert set(told["run"]) == expected


def test_the_same_cell_gives_the_same_bytes(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    folders = []
    for name in ("one", "two"):
        run(data, cell, results=data / name)
        folders.append(Store(data / name).prediction_folder(cell.key))
    assert len({(folder / "subjects.json").read_bytes() for folder in folders}) == 1
    for path in sorted(folders[0].glob("*.npz.zst")):
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()


@pytest.mark.parametrize(
    ("accepted", "given", "expected"), [([], 5, 5), ([1], 1, 1), ([3], 1, 3), ([1, 3], 3, 3)]
)
def test_grey_is_repeated_and_nothing_else(accepted, given, expected):
    assert accepted_channels(accepted, given, "m") == expected


@pytest.mark.parametrize(("accepted", "given"), [([3], 2), ([1], 3)])
def test_a_channel_is_never_dropped(accepted, given):
    with pytest.raises(Skip, match=f"the task has {given}"):
        accepted_channels(accepted, given, "m")


def test_float64_predictions_are_refused():
    images = Images(np.zeros((2, 1, 4, 4), np.float32), np.ones((2, 4, 4), bool))
    with pytest.raises(MethodError, match="float64"):
        check_prediction(Prediction(maps=None, scores=np.zeros(2)), images, "m")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "`predict` returned None (is a `return` missing?)"),
        ((np.zeros(2), None), "`predict` returned a tuple of 2 values (ndarray, NoneType)"),
        ([], "`predict` returned a list of 0 values ()"),
        (np.zeros(2), "`predict` returned an ndarray"),
    ],
)
def test_what_is_not_a_prediction_is_named_with_what_is_expected(found, said):
    images = Images(np.zeros((2, 1, 4, 4), np.float32), np.ones((2, 4, 4), bool))
    with pytest.raises(MethodError) as error:
        check_prediction(found, images, "m")
    assert str(error.value) == (
        f"m: {said}, expected one bench.detector.Prediction: return Prediction(maps, scores)"
    )


@pytest.mark.parametrize(
    ("signed", "said"),
    [
        ("both", "m returned signed='both', expected True or False"),
        (True, "m returned signed=True without maps, so nothing has a sign"),
    ],
)
def test_a_sign_needs_maps_and_is_yes_or_no(signed, said):
    images = Images(np.zeros((2, 1, 4, 4), np.float32), np.ones((2, 4, 4), bool))
    found = Prediction(maps=None, scores=np.zeros(2, np.float32), signed=signed)
    with pytest.raises(MethodError) as error:
        check_prediction(found, images, "m")
    assert str(error.value) == said


def test_scores_that_are_not_an_array_are_named():
    images = Images(np.zeros((2, 1, 4, 4), np.float32), np.ones((2, 4, 4), bool))
    with pytest.raises(MethodError, match=r"scores as a list, expected a NumPy array, \(2,\)"):
        check_prediction(Prediction(maps=None, scores=[0.0, 1.0]), images, "m")


@pytest.mark.parametrize("damage", ["empty", "half", "unreadable", "another number"])
def test_a_damaged_fit_is_trained_again(data, tmp_path, damage):
    log = tmp_path / "log"
    first, second = cells(data, tiny.method("Brightness", log=str(log)), tasks=("t1", "t1-again"))
    one = run(data, first)
    folder = Store(data / "runs").fit_folder(first.fit.key)
    if damage == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    elif damage == "half":
        (folder / "detector" / "level.json").unlink()
    elif damage == "unreadable":
        (folder / "detector" / "level.json").write_text("{")
    else:
        (folder / "detector" / "level.json").write_text("0.5")
    other = run(data, second)
    assert other.status == "done"
    assert log.read_text() == "fit 0\nfit 0\n"
    assert other.protocols == one.protocols
    if damage != "empty":
        said = Store(data / "runs").log_path(second.key).read_text()
        assert "is damaged and trained again" in said
        assert "level.json" in said


@pytest.mark.parametrize("kind", ["prepared", "stacks"])
def test_a_flipped_bit_in_the_cache_changes_no_number(data, kind, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(data / "cache"))
    (first,) = cells(data, tiny.method("Brightness"))
    one = run(data, first)
    shutil.rmtree(data / "runs")
    if kind == "prepared":
        shutil.rmtree(data / "cache" / "stacks")
    for path in (data / "cache" / kind).glob("*/images.npy"):
        content = bytearray(path.read_bytes())
        content[-40000] ^= 64
        path.write_bytes(content)
    assert run(data, first).protocols == one.protocols


def test_a_fit_of_an_older_bench_without_checksums_is_used_and_that_is_said(data, tmp_path):
    log = tmp_path / "log"
    first, second = cells(data, tiny.method("Brightness", log=str(log)), tasks=("t1", "t1-again"))
    one = run(data, first)
    (Store(data / "runs").fit_folder(first.fit.key) / "checksums.json").unlink()
    assert run(data, second).protocols == one.protocols
    assert log.read_text() == "fit 0\n"
    assert "has no checksums" in Store(data / "runs").log_path(second.key).read_text()


def test_a_record_of_a_newer_bench_stops_the_run_and_stays(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell)
    path = Store(data / "runs").record_path(cell.task, "brightness", cell.key)
    newer = json.dumps({**json.loads(path.read_text()), "schema_version": 999})
    path.write_text(newer)
    with pytest.raises(StoreError, match="newer bench"):
        run(data, cell)
    assert path.read_text() == newer


def test_the_hint_of_an_error_is_recorded_with_it(data):
    (data / "tiny" / "p2" / "T1.nii.gz").write_bytes(b"")
    (cell,) = cells(data, tiny.method("Brightness"))
    assert "; next: " in run(data, cell).reason


def test_nothing_is_left_behind_in_the_stores_scratch(data):
    (cell,) = cells(data, tiny.method("Spy", told=str(data / "told")))
    run(data, cell, keep="none")
    assert not list((data / "runs" / "_partial").iterdir())
