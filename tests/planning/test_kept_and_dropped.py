"""What a plan says of lesions: what preparation keeps of them, and what a split leaves out."""

import numpy as np
import pytest

from bench.data.prepare.subject import PreparationRequest, prepare_subject
from bench.planning.dropped import dropped_lines
from bench.planning.lesions_kept import truth_lines
from bench.planning.plan import make_plan
from bench.planning.request import TaskChoice
from fakes import field, tiny


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def planned(data, **splits):
    """The first cell of a plan; the splits of its card are changed."""
    card = tiny.card()
    card = card.model_copy(
        update={"splits": {name: one.model_copy(update=splits.get(name, {}))
                           for name, one in card.splits.items()}}
    )  # fmt: skip
    asked = tiny.request(tiny.method("Brightness"))
    task = TaskChoice(name="tiny/t1", dataset=card, task=card.tasks["t1"], train_on=card)
    asked = type(asked)(methods=asked.methods, tasks=(task,), budget=asked.budget, seeds=1)
    return make_plan(asked, data_dir=data, cache=data / "cache").cells[0]


def prepare(cell, subjects, data, *, lesion_free):
    request = PreparationRequest(
        cell.fit.channels, cell.fit.preparation, cell.fit.budget.image_size,
        lesion_free=lesion_free, with_label=True,
    )  # fmt: skip
    return [prepare_subject(one, request, data / "cache") for one in subjects]


def test_kept_lesions_are_counted_once_all_test_subjects_are_prepared(data):
    cell = planned(data)
    first, *others = cell.test.present
    prepare(cell, [first], data, lesion_free=False)
    assert truth_lines([cell, cell], data / "cache") == [
        "tiny/t1, 32 px: 3 of 4 test subjects are not prepared yet, so it is not known which "
        "lesions are kept"
    ]
    prepare(cell, others, data, lesion_free=False)
    # p1 and p3 have a cube of 4 voxels each; the grid is the files' own, so nothing changes.
    assert truth_lines([cell], data / "cache") == [
        "tiny/t1, 32 px: 2 of 2 lesions are kept (128 voxels in 8 slices of the files, 128 pixels "
        "in 8 prepared images)"
    ]


def test_a_lesion_outside_the_brain_is_lost(data):
    label = np.zeros(tiny.SHAPE, np.uint8)
    label[0, 0, 10] = 1
    tiny.write_volume(data / "tiny/p2/lesion.nii.gz", label)
    cell = planned(data)
    prepare(cell, cell.test.present, data, lesion_free=False)
    assert truth_lines([cell], data / "cache") == [
        "tiny/t1, 32 px: 2 of 3 lesions are kept (129 voxels in 9 slices of the files, 128 pixels "
        "in 8 prepared images); 1 lost"
    ]


def test_without_pixel_labels_nothing_can_be_kept(tmp_path):
    for at, name in enumerate(["train/ok/1", "test/ok/2", "test/bad/3"]):
        field.png(tmp_path / f"own/{name}.png", field.picture(at, False)[0])
    layout = {"kind": "images", "images": {"R": "{part}/{class}/{image}.png"}, "id": "{image}",
              "normal": ["ok"], "abnormal": ["bad"]}  # fmt: skip
    card = field.card(layout, field.PARTS, {"foreground": "whole"})
    plan = make_plan(field.request(card), data_dir=tmp_path, cache=tmp_path / "cache")
    assert truth_lines(plan.cells, tmp_path / "cache") == ["own/t, 64 px: no pixel labels"]


def test_slices_with_lesions_are_left_out_of_a_lesion_free_split(data):
    (data / "tiny/p1/lesion.nii.gz").rename(data / "tiny/n2/lesion.nii.gz")
    lesion_free = planned(data, train={"slices": "lesion-free"})
    prepare(lesion_free, lesion_free.fit.train.present, data, lesion_free=True)
    assert dropped_lines([lesion_free, lesion_free], data / "cache") == [
        "tiny, split train: 4 slices of 1 subject have a label that is not empty and are left "
        "out, because the split is lesion-free: n2"
    ]
    assert dropped_lines([planned(data)], data / "cache") == []
