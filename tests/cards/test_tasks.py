import pytest

from bench import registry
from bench.cards import Task, dataset_part


@pytest.mark.parametrize(
    ("given", "tested", "learned"),
    [
        ({}, "own", "own"),
        ({"train_on": "other"}, "own", "other"),
        ({"data": "images"}, "images", "images"),
        ({"data": "images", "train_on": "other"}, "images", "other"),
    ],
)
def test_what_a_card_leaves_out(given, tested, learned):
    task = Task(title="T", channels=["t1"], **given)
    assert task.test_dataset("own/t1") == tested
    assert task.default_source("own/t1") == learned
    assert dataset_part("own/t1") == "own"


def test_every_shipped_task_names_datasets_that_exist():
    known = registry.load_datasets()
    for name, task in registry.all_tasks().items():
        assert "train" in known[task.default_source(name)].splits
        assert task.test in known[task.test_dataset(name)].splits
