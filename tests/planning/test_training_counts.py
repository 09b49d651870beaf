"""How many subjects and images a fit learns from, as far as the cache knows."""

from dataclasses import replace

import numpy as np

from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.subject import prepare_subject
from bench.planning.plan import make_plan
from bench.planning.training import training_counts, training_lines
from fakes import tiny


def cell_of(data, **split):
    """The cell of a task that learns from a split changed so."""
    asked = tiny.request(tiny.method("Brightness"))
    (task,) = asked.tasks
    card = task.train_on
    train = card.splits["train"].model_copy(update=split)
    changed = card.model_copy(update={"splits": {**card.splits, "train": train}})
    asked = replace(asked, tasks=(replace(task, dataset=changed, train_on=changed),))
    (cell,) = make_plan(asked, data_dir=data, cache=data / "cache").cells
    return cell


def prepare(cell, cache):
    free = cell.fit.train.lesion_free
    request = PreparationRequest(
        cell.fit.channels,
        cell.fit.preparation,
        cell.fit.budget.image_size,
        lesion_free=free,
        with_label=free,
    )
    return [prepare_subject(one, request, cache) for one in cell.fit.train.present]


def test_images_are_counted_when_their_subjects_are_prepared(tmp_path):
    tiny.make_volumes(tmp_path)
    cell, cache = cell_of(tmp_path), tmp_path / "cache"
    assert training_counts(cell.fit, cache) == (3, None)
    (line,) = training_lines([cell, cell], cache)
    assert line.startswith("tiny/t1: trained on 3 subjects of tiny (how many images")
    images = sum(len(one.images) for one in prepare(cell, cache))
    assert training_counts(cell.fit, cache) == (3, images)
    assert training_lines([cell], cache) == [
        f"tiny/t1: trained on 3 subjects, {images} images of tiny"
    ]


def test_of_a_lesion_free_split_only_normal_slices_and_subjects_with_some_count(tmp_path):
    tiny.make_volumes(tmp_path)
    sick = np.ones(tiny.SHAPE, np.uint8)
    tiny.write_volume(tmp_path / "tiny" / "n1" / "lesion.nii.gz", sick)
    whole = cell_of(tmp_path)
    normal = sum(len(one.images) for one in prepare(whole, tmp_path / "cache")[1:])
    cell = cell_of(tmp_path, slices="lesion-free")
    prepare(cell, tmp_path / "cache")
    assert training_counts(cell.fit, tmp_path / "cache") == (2, normal)
