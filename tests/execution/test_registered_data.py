"""A record says how the files of a registered dataset were made; no key depends on it."""

from dataclasses import replace

import pytest

from bench.cards import Registration
from bench.data.cache.folder import cache_dir
from bench.planning.plan import make_plan
from fakes import tiny
from fakes.cells import cells, run

HOW = Registration(
    source="raw", steps=["N4", "affine"], brain="template", voxel_mm=1, versions={"SimpleITK": "2"}
)


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def test_records_name_the_steps_and_versions_and_keys_stay(data):
    method = tiny.method("Brightness")
    asked = tiny.request(method)
    card = tiny.card().model_copy(update={"registered": HOW})
    (task,) = asked.tasks
    known = replace(task, dataset=card, train_on=card)
    plan = make_plan(replace(asked, tasks=(known,)), data_dir=data, cache=cache_dir())
    (before,) = cells(data, method)
    (cell,) = plan.cells
    assert cell.key == before.key
    assert run(data, cell).provenance["registered"] == {"tiny": HOW.model_dump()}
    # In a store of its own: of the same key, the first record would stand.
    usual = run(data, before, results=data / "usual")
    assert "registered" not in usual.provenance
