"""Records of files that changed after the last run or plan, as a report and the gate see them."""

import json
import os
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from bench import registry
from bench.cli import app
from bench.data.cache import fingerprint
from bench.execution.context import RunContext
from bench.execution.record import make_record
from bench.execution.run import run_cell
from bench.planning import files_now
from bench.planning.plan import make_plan
from bench.planning.request import RunArguments, check_request
from bench.planning.staleness import mark_cells, read_current
from bench.store.store import Store
from fakes import tiny
from fakes.records import a_record


class Trial:
    """A data set whose card stands in ./datasets, and one record of it."""

    def __init__(self, folder):
        self.folder, self.store = folder, Store(folder / "runs")
        self.data, self.cache = folder / "data", folder / "cache"
        tiny.make_volumes(self.data)
        tiny.write_card(folder)

    def run(self, *, scored=False):
        """Mark and record one cell as a run would, with numbers if wanted; gives its key."""
        asked = check_request(RunArguments(method=["intensity"], task=["tiny/t1"], budget="smoke"))
        cells = make_plan(asked, data_dir=self.data, cache=self.cache).cells[:1]
        mark_cells(self.store, cells, self.data)
        place = RunContext(
            results=self.store.root, cache=self.cache, device="cpu", keep="none", command="test"
        )
        if scored:
            assert run_cell(cells[0], place, lambda *_: None).status == "done"
        else:
            self.store.write_record(make_record(cells[0], place, device="cpu", status="done"))
        return cells[0].key

    def current(self, data_dir=None):
        found = read_current(self.store, data_dir=data_dir)
        return [one.key for one in found.records], [one.key for one in found.older], found.unchecked

    def label(self, shift):
        lesion = np.zeros(tiny.SHAPE, np.uint8)
        lesion[10 - shift : 14 - shift, 12:16, 8:12] = 1
        tiny.write_volume(self.data / "tiny" / "p1" / "lesion.nii.gz", lesion)

    def edit_card(self, old, new):
        path = self.folder / "datasets" / "tiny.toml"
        path.write_text(path.read_text().replace(old, new))
        registry.load_datasets.cache_clear()


@pytest.fixture
def trial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    registry.load_datasets.cache_clear()
    yield Trial(tmp_path)
    registry.load_datasets.cache_clear()


def test_a_label_corrected_since_the_run_makes_the_record_stale_without_a_new_plan(trial):
    first = trial.run()
    assert trial.current() == ([first], [], ())
    trial.label(1)
    assert trial.current() == ([], [first], ())
    trial.label(0)
    assert trial.current() == ([first], [], ())


def test_an_image_and_a_training_image_count_too(trial):
    first = trial.run()
    for path in ("p2/T1.nii.gz", "n1/T1.nii.gz", "n4/T1.nii.gz"):
        file = trial.data / "tiny" / path
        before = file.read_bytes()
        file.write_bytes((trial.data / "tiny" / "p3" / "T2.nii.gz").read_bytes() + b"\0")
        assert trial.current() == ([], [first], ()), path
        file.write_bytes(before)
    assert trial.current() == ([first], [], ())


def test_a_file_that_the_task_does_not_use_changes_nothing(trial):
    first = trial.run()
    (trial.data / "tiny" / "p2" / "T2.nii.gz").unlink()
    (trial.data / "tiny" / "n1" / "lesion.nii.gz").unlink()
    assert trial.current() == ([first], [], ())


def test_a_withdrawn_patient_and_a_new_one_count(trial):
    first = trial.run()
    shutil.move(trial.data / "tiny" / "p3", trial.folder / "p3")
    assert trial.current() == ([], [first], ())
    shutil.move(trial.folder / "p3", trial.data / "tiny" / "p3")
    assert trial.current() == ([first], [], ())
    trial.edit_card('["p1", "p2", "p3", "p4"]', '["p1", "p2", "p3"]')
    assert trial.current() == ([], [first], ())


def test_a_card_that_reads_other_truth_from_the_same_files_counts(trial):
    first = trial.run()
    trial.edit_card('label = "', 'lesion = [2]\nlabel = "')
    assert trial.current() == ([], [first], ())


def test_a_card_whose_test_side_becomes_lesion_free_counts(trial):
    first = trial.run()
    trial.edit_card('rule = "all"', 'rule = "all"\nslices = "lesion-free"')
    assert trial.current() == ([], [first], ())


def test_files_that_were_only_touched_or_moved_are_the_same(trial):
    first = trial.run()
    os.utime(trial.data / "tiny" / "p1" / "lesion.nii.gz", (1, 1))
    assert trial.current() == ([first], [], ())
    shutil.move(trial.data, trial.folder / "elsewhere")
    assert trial.current(trial.folder / "elsewhere") == ([first], [], ())


def test_unchanged_files_are_not_read_again(trial, monkeypatch):
    trial.run()
    trial.current()
    read = []
    digest = fingerprint.hashlib.file_digest
    monkeypatch.setattr(
        fingerprint.hashlib,
        "file_digest",
        lambda handle, name: read.append(handle.name) or digest(handle, name),
    )
    trial.current()
    assert read == []
    trial.label(2)
    trial.current()
    assert [one.rsplit("/", 2)[1:] for one in read] == [["p1", "lesion.nii.gz"]]


@pytest.mark.parametrize("given", [False, True], ids=["marked", "given"])
def test_data_that_cannot_be_reached_are_named_once_and_the_marks_decide(trial, given):
    first = trial.run()
    trial.label(1)
    shutil.move(trial.data, trial.folder / "elsewhere")
    keys, older, unchecked = trial.current(trial.data if given else None)
    assert (keys, older) == ([first], [])
    (note,) = unchecked
    assert note.startswith("tiny/t1: whether files have changed since the last run or plan")
    assert f"there is no folder {trial.data / 'tiny'}" in note


def test_an_empty_folder_is_not_called_a_change(trial):
    first = trial.run()
    shutil.rmtree(trial.data / "tiny")
    (trial.data / "tiny").mkdir()
    keys, older, (note,) = trial.current()
    assert (keys, older) == ([first], [])
    assert "no file of dataset 'tiny'" in note


def test_a_store_of_an_older_bench_does_not_know_the_folder(trial):
    first = trial.run()
    for path in (trial.store.root / "_current").rglob("*.json"):
        mark = json.loads(path.read_text())
        del mark["data_dir"]
        path.write_text(json.dumps(mark))
    keys, older, (note,) = trial.current()
    assert (keys, older) == ([first], [])
    assert note.endswith("cannot be checked: no data folder is known")
    assert trial.current(trial.data) == ([first], [], ())


def test_data_too_large_to_be_read_for_a_report_are_not_read(trial, monkeypatch):
    trial.run()
    shutil.rmtree(trial.cache)
    monkeypatch.setattr(files_now, "_MOST_BYTES", 1000)
    keys, _, (note,) = trial.current()
    assert len(keys) == 1
    assert "GB that are not in the cache must be read first; bench plan reads them" in note


def test_generated_files_follow_from_their_card_and_are_not_made_for_a_report(trial):
    assert registry.dataset("phantom").generator is not None
    trial.store.write_record(a_record(task="phantom/ms-t1", dataset="phantom"))
    assert trial.current()[2] == ()
    assert not (trial.cache / "generated").exists()


def test_report_and_gate_notice_a_label_corrected_since_the_run(trial):
    trial.run(scored=True)
    assert invoke("check", "--update").exit_code == 0
    assert invoke("check").exit_code == 0
    number = pixel_numbers(invoke("report", "--format", "csv"))
    assert len(number) == 1
    trial.label(1)
    report = invoke("report", "--format", "csv")
    assert pixel_numbers(report) == []
    assert "1 stale record (files, cards or versions have changed since) is left" in report.stderr
    gate = invoke("check", "--json")
    assert gate.exit_code == 1
    assert {one["verdict"] for one in json.loads(gate.stdout)["rows"]} == {"missing"}
    update = invoke("check", "--update")
    assert "it holds no current records" in str(update.exception)
    shutil.move(trial.data, trial.folder / "elsewhere")
    unreached = invoke("report", "--format", "csv")
    assert pixel_numbers(unreached) == number
    assert unreached.stderr.count("cannot be checked") == 1
    found = invoke("report", "--format", "csv", "--data-dir", "elsewhere")
    assert pixel_numbers(found) == []


def invoke(command, *arguments):
    return CliRunner().invoke(app, [command, *arguments, "--results", "runs"])


def pixel_numbers(report):
    return [one for one in report.stdout.splitlines() if "pixel-pooled@2,ap," in one]
