"""A recorded cell that is run again: the same numbers, or what differs and why."""

import json

import nibabel as nib
import numpy as np
import pytest

import bench
from bench import registry
from bench.cli import verify as command
from bench.errors import RunError, StoreError
from bench.executors.verifying import moved, verify_cell
from bench.store.store import Store
from fakes import tiny
from fakes.records import record as made_up


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory with the card and the files of a small data set."""
    monkeypatch.chdir(tmp_path)
    tiny.write_card(tmp_path)
    tiny.make_volumes(tmp_path / "data")
    registry.load_datasets.cache_clear()
    yield tmp_path
    registry.load_datasets.cache_clear()


def the_record(**changes):
    options = {"task": "tiny/t1", "budget": "smoke", "data_dir": "data", "keep": "none"}
    return bench.run("random", seeds=2, **options | changes)[-1]


def test_a_cell_that_is_unchanged_comes_out_the_same_and_its_store_is_not_touched(place):
    record = the_record()
    before = sorted((place / "results").rglob("*"))
    found = verify_cell(record, data_dir=place / "data", device=None)
    assert (found.differences, found.largest, found.moved) == ((), 0.0, {})
    assert found.again.seed == record.seed == 1
    assert found.again.key == record.key
    assert found.compared > 10
    assert sorted((place / "results").rglob("*")) == before


def test_other_data_are_named_where_numbers_differ(place):
    record = the_record()
    path = place / "data" / "tiny" / "p1" / "lesion.nii.gz"
    label = nib.load(path)
    nib.save(nib.Nifti1Image(np.roll(label.get_fdata(), 3, axis=0), label.affine), path)
    found = verify_cell(record, data_dir=place / "data", device=None)
    assert any(one.name == "pixel-pooled@1 ap" for one in found.differences)
    assert set(found.moved) == {"data"}
    (line,) = found.moved["data"]
    assert line.startswith("test files: ")


def test_a_number_that_was_tampered_with_is_found(place):
    record = the_record()
    numbers = record.protocols["pixel-pooled@1"]
    better = numbers.model_copy(update={"metrics": {**numbers.metrics, "ap": 0.75}})
    forged = record.model_copy(update={"protocols": {**record.protocols, "pixel-pooled@1": better}})
    found = verify_cell(forged, data_dir=place / "data", device=None)
    assert [(one.name, one.before, one.again) for one in found.differences] == [
        ("pixel-pooled@1 ap", 0.75, numbers.metrics["ap"])
    ]
    assert found.moved == {}


def test_versions_device_and_code_are_told_apart():
    provenance = {"bench": "0.1.0", "commit": "a", "cpu": "x", "packages": {"torch": "2.13"}}
    one = made_up("ae", 0.02, provenance=provenance, device="cpu")
    later = {"bench": "0.1.0", "commit": "b", "cpu": "y", "packages": {"torch": "2.14"}}
    other = made_up("ae", 0.02, provenance=later, device="cuda", method_version=2)
    assert moved(one, one) == {}
    assert moved(one, other) == {
        "versions": ("torch: 2.13 in the record, 2.14 now",),
        "device": ("device: cpu in the record, cuda now", "cpu: x in the record, y now"),
        "code": (
            f"method's version: {one.method_version} in the record, 2 now",
            "commit: a in the record, b now",
        ),
    }


def test_a_cell_without_numbers_is_refused():
    failed = made_up("ae", 0.02, status="failed", reason="no memory", protocols={})
    with pytest.raises(StoreError, match="it was failed: no memory"):
        verify_cell(failed, data_dir=None, device=None)


def test_a_cell_that_is_not_done_this_time_says_why(place):
    record = the_record()
    path = place / "data" / "tiny" / "p1" / "T1.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(RunError, match=r"is not done this time: failed: .*p1/T1\.nii\.gz") as error:
        verify_cell(record, data_dir=place / "data", device=None)
    assert error.value.hint == "bench test-method random"


def test_the_command_says_what_agrees_and_exits_1_where_something_differs(place, capsys):
    import typer

    record = the_record()
    options = {"data_dir": place / "data", "results": place / "results" / "runs"}
    with pytest.raises(typer.Exit) as ended:
        command.verify(record.key[:8], **options)
    assert ended.value.exit_code == 0
    said = capsys.readouterr().out
    assert "numbers are the same to the last bit" in said
    assert "data: the same\nversions: the same\ndevice: the same\ncode: the same\n" in said
    path = Store(options["results"]).record_path(record.task, record.method, record.key)
    content = json.loads(path.read_text())
    content["protocols"]["pixel-pooled@1"]["metrics"]["ap"] = 0.75
    path.write_text(json.dumps(content))
    with pytest.raises(typer.Exit) as ended:
        command.verify(record.key[:8], as_json=True, **options)
    assert ended.value.exit_code == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["agrees"]
    assert found["differences"][0]["before"] == 0.75
