"""Every layout of every shipped card, from files to a record."""

import pytest

from bench.execution.context import RunContext
from bench.execution.run import run_cell
from bench.planning.plan import make_plan
from bench.planning.request import RunArguments, check_request
from bench.registry import load_datasets
from fakes.trees import write_tree

CARDS = load_datasets()
LAYOUTS = [
    (name, layout.name)
    for name, card in CARDS.items()
    if card.generator is None
    for layout in card.layouts
]
# Cards without tasks of their own are the training source of these.
USED_BY = {
    ("ixi", "t1"): "mslub/t1",
    ("ixi", "t2"): "mslub/t2",
    ("oasis1-healthy", "stripped"): "mslub/t1",
}


@pytest.mark.parametrize(("name", "layout"), LAYOUTS, ids=["/".join(one) for one in LAYOUTS])
def test_from_files_to_a_record(name, layout, tmp_path):
    card = CARDS[name]
    data = tmp_path / "data"
    write_tree(card, next(one for one in card.layouts if one.name == layout), data)
    if (name, layout) in USED_BY:
        write_tree(CARDS["mslub"], CARDS["mslub"].layouts[0], data)
        tasks, train_on = [USED_BY[name, layout]], name
    else:
        tasks, train_on = [f"{name}/{task}" for task in card.tasks], None
        if any(task.train_on == "ixi" for task in card.tasks.values()):
            for one in CARDS["ixi"].layouts:
                write_tree(CARDS["ixi"], one, data)
    arguments = RunArguments(method=["intensity"], task=tasks, budget="smoke", train_on=train_on)
    plan = make_plan(check_request(arguments), data_dir=data, cache=tmp_path / "cache")
    place = RunContext(tmp_path / "runs", tmp_path / "cache", "cpu", "none", "test")
    for cell in plan.cells:
        record = run_cell(cell, place, lambda *_: None)
        assert record.status == "done", record.reason
        task = CARDS[name].tasks.get(cell.task.split("/")[1], CARDS["mslub"].tasks["t1"])
        headline = record.protocols[task.headline.protocol]
        assert 0 <= headline.metrics[task.headline.metric] <= 1
        train, test = set(record.subjects.train), set(record.subjects.test)
        assert train
        assert test
        assert cell.train_on != cell.dataset.name or not train & test
