"""A task that is tested where nothing was learned says so: in plan, record and table."""

import json
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from bench import registry
from bench.data.cache.folder import cache_dir
from bench.planning.plan import make_plan
from bench.planning.positions import position_finding, position_lines, standard_finding, unseen
from bench.report import build_report, render
from bench.report.rows.cards import Cards
from fakes import tiny
from fakes.cells import run


def test_a_position_is_seen_within_six_millimetres_on_either_side():
    trained = np.array([40.0, 0.0, 2.0])
    test = np.array([-6.0, -6.5, 8.0, 8.5, 20.0, 34.0, 46.0, 47.0])
    assert unseen(test, trained).tolist() == [
        False, True, False, True, True, False, False, True,
    ]  # fmt: skip
    assert unseen(test, trained, within=6.5).tolist() == [
        False, False, False, False, True, False, False, True,
    ]  # fmt: skip
    assert unseen(test, np.empty(0)).all()
    assert unseen(np.empty(0), trained).size == 0


def _plan(folder, lesion_rows):
    """The tiny data set, learned from slices without these rows of the label; 4 mm apart."""
    for subject in ("n1", "n2", "n3"):
        label = np.zeros(tiny.SHAPE, dtype=np.uint8)
        label[10:14, 12:16, lesion_rows] = 1
        tiny.write_volume(folder / "tiny" / subject / "lesion.nii.gz", label)
    return _cell(folder, "train")


def _cell(folder, lesion_free):
    """A cell of the tiny data set whose split of this name has lesion-free slices only."""
    card = tiny.card()
    free = card.splits[lesion_free].model_copy(update={"slices": "lesion-free"})
    card = card.model_copy(update={"splits": {**card.splits, lesion_free: free}})
    asked = tiny.request(tiny.method("Brightness"))
    (task,) = asked.tasks
    asked = replace(asked, tasks=(replace(task, dataset=card, train_on=card),))
    return make_plan(asked, data_dir=folder, cache=cache_dir()).cells[0]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    tiny.make_volumes(tmp_path)
    return tmp_path


def test_slices_that_training_never_showed_are_said_in_plan_record_and_table(data):
    cell = _plan(data, slice(4, 16))
    (before,) = position_lines([cell], cache_dir())
    assert "not all subjects are prepared yet" in before
    record = run(data, cell)
    assert record.status == "done", record.reason
    (found,) = [one for one in record.findings if one.severity == "warning"]
    # Rows 2 to 17 have foreground and 4 to 15 a lesion, so training shows 2, 3, 16 and 17. At 4 mm
    # per row, 5 to 14 are further than 6 mm from these; lesions of p1 and p3 stand in 8 to 11.
    slices = [len(np.flatnonzero(_foreground(data, one).any(axis=(0, 1)))) for one in _TESTED]
    assert (found.severity, found.where) == ("warning", "tiny/t1")
    assert found.problem.startswith(
        f"{4 * 10} of {sum(slices)} test slices and 8 of 8 test slices with a lesion stand more "
        "than 6 mm along the slice axis from every slice of tiny that was learned from ("
    )
    assert position_lines([cell], cache_dir()) == [f"warning: tiny/t1: {found.problem}"]
    cards = Cards({"tiny": tiny.card()}, {}, registry.load_protocols())
    report = build_report([record], cards)
    assert f"Files: tiny/t1: {found.problem}" in render(report, "markdown").replace("\\", "")
    assert json.loads(render(report, "json"))


def test_scores_standardised_by_healthy_slices_elsewhere_are_said(data):
    """Training shows all positions; the one validation subject is lesion-free at its ends only."""
    label = np.zeros(tiny.SHAPE, dtype=np.uint8)
    label[10:14, 12:16, 4:16] = 1
    tiny.write_volume(data / "tiny" / "n4" / "lesion.nii.gz", label)
    cell = _cell(data, "validation")
    assert "image-standardised@1" in cell.protocols
    assert standard_finding(cell, cache_dir()) is None  # nothing is prepared yet
    record = run(data, cell)
    assert record.status == "done", record.reason
    (found,) = [one for one in record.findings if "standardises" in one.problem]
    # As above: 5 to 14 are further than 6 mm from 2, 3, 16 and 17, in each of the four.
    slices = [len(np.flatnonzero(_foreground(data, one).any(axis=(0, 1)))) for one in _TESTED]
    assert (found.severity, found.where) == ("warning", "tiny/t1")
    assert found.problem.startswith(
        f"{4 * 10} of {sum(slices)} test slices stand more than 6 mm along the slice axis from "
        "every validation slice of tiny ("
    )
    assert found.problem.endswith(
        "so image-standardised@1 standardises their scores by slices at other positions"
    )
    assert position_finding(cell, cache_dir()) is None
    assert position_lines([cell], cache_dir()) == [f"warning: tiny/t1: {found.problem}"]


def test_whole_healthy_volumes_are_no_finding(data):
    (cell,) = make_plan(
        tiny.request(tiny.method("Brightness")), data_dir=data, cache=cache_dir()
    ).cells
    record = run(data, cell)
    assert record.findings == []
    assert standard_finding(cell, cache_dir()) is None


_TESTED = ("p1", "p2", "p3", "p4")


def _foreground(data, subject):
    return nib.load(data / "tiny" / subject / "T1.nii.gz").get_fdata() != 0


def test_of_healthy_test_subjects_no_lesions_are_counted(data):
    for subject in _TESTED:
        (data / "tiny" / subject / "lesion.nii.gz").unlink()
        tiny.write_volume(data / "tiny" / subject / "lesion.nii.gz", np.zeros(tiny.SHAPE, np.uint8))
    record = run(data, _plan(data, slice(4, 16)))
    (found,) = [one.problem for one in record.findings if "slice axis" in one.problem]
    assert re.match(r"40 of \d+ test slices stand more than 6 mm", found)


def test_a_gap_that_other_slices_fill_is_no_finding(data):
    cell = _plan(data, slice(9, 10))
    record = run(data, cell)
    assert record.status == "done", record.reason
    assert [one.problem.split(" have")[0] for one in record.findings] == [
        "3 slices of 3 subjects"  # of the lesion in training, which are not learned from
    ]
    assert position_finding(cell, cache_dir()) is None
    assert position_lines([cell], cache_dir()) == []
