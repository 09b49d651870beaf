"""The cards of the real datasets, and the real volumes beside the checkout."""

from dataclasses import replace

import numpy as np
import pytest

from bench.data.find.index import index_dataset
from bench.data.find.leaks import refuse_overlap
from bench.data.find.selection import select
from bench.data.prepare.subject import PreparationRequest, prepare_subject, stack_subjects
from bench.errors import DataError
from bench.registry import load_datasets


@pytest.fixture(scope="module")
def cards():
    return load_datasets()


def test_mslub_splits_by_patient(cards):
    card = cards["mslub"]
    everyone = [f"{n:02d}" for n in range(1, 31)]
    assert card.splits["all"].subjects == everyone
    sides = [card.splits[one].subjects for one in ("train", "validation", "held-out")]
    assert sorted(one for side in sides for one in side) == everyone
    assert [len(one) for one in sides] == [8, 2, 20]
    assert card.splits["train"].slices == card.splits["validation"].slices == "lesion-free"
    assert card.splits["held-out"].slices == card.splits["all"].slices == "all"


def test_mslub_tasks(cards):
    tasks = cards["mslub"].tasks
    assert {name: (t.test, t.train_on) for name, t in tasks.items()} == {
        "t1": ("all", "ixi"),
        "t2": ("held-out", "mslub"),
        "flair": ("held-out", "mslub"),
    }
    assert tasks["t1"].title == "MSLUB T1 (MS)"


def test_sources_hold_validation_back(cards):
    ixi = cards["ixi"].splits
    assert ixi["train"].subjects == "rest"
    assert ixi["validation"].subjects == [f"{n:03d}" for n in range(8, 659, 10)]
    assert cards["oasis1-healthy"].splits["validation"].subjects == ["1004", "1009", "1014"]
    assert not cards["ixi"].tasks
    # Its only task tests on all of its subjects, so it must learn from somewhere else.
    (task,) = cards["oasis1-healthy"].tasks.values()
    assert (task.test, task.train_on) == ("everybody", "ixi")
    for name in ("ixi", "oasis1-healthy"):
        assert all(one.slices == "all" for one in cards[name].splits.values())


@pytest.mark.parametrize("name", ["mslub", "ixi", "oasis1-healthy"])
def test_licence_and_citation_are_there(cards, name):
    card = cards[name]
    assert card.licence.startswith("CC BY")
    assert len(card.citation) > 20
    assert not card.synthetic


@pytest.mark.parametrize(
    ("name", "split", "present", "expected"),
    [
        ("mslub", "all", 2, 30),
        ("mslub", "train", 1, 8),
        ("mslub", "held-out", 1, 20),
        ("ixi", "train", 57, 57),
        ("ixi", "validation", 7, 66),
        ("oasis1-healthy", "train", 13, 13),
        ("oasis1-healthy", "validation", 3, 3),
    ],
)
def test_the_volumes_here_are_found(cards, shared_data, tmp_path, name, split, present, expected):
    index = index_dataset(cards[name], shared_data, tmp_path)
    found = select(index, split, ["T1"], need_label=name == "mslub")
    assert (len(found.present), found.expected) == (present, expected)
    assert len(found.absent) == expected - present


def test_a_card_knows_how_many_subjects_the_published_set_has(cards, shared_data, tmp_path):
    index = index_dataset(cards["brats2021"], shared_data, tmp_path)
    every = select(index, "all", ["T1"], need_label=True)
    assert 0 < len(every.present) < every.expected == 1251
    held_out = select(index, "held-out", ["T1"], need_label=True)
    assert held_out.expected == len(held_out.present)  # what part of the 1251 is not known


def test_ixi_t2_is_missed_only_when_asked_for(cards, shared_data, tmp_path):
    index = index_dataset(cards["ixi"], shared_data, tmp_path)
    with pytest.raises(DataError, match=r"has T2; expected files like .*IXI\{subject\}-\*-T2"):
        select(index, "train", ["T2"], need_label=False)


def test_learning_on_ixi_and_testing_on_mslub(cards, shared_data, tmp_path):
    """The published row's set-up in small: it fits the grid and looks alike on both sides."""
    ixi = index_dataset(cards["ixi"], shared_data, tmp_path)
    train, validation = (
        select(ixi, side, ["T1"], need_label=False) for side in ("train", "validation")
    )
    mslub = index_dataset(cards["mslub"], shared_data, tmp_path)
    test = select(mslub, "all", ["T1"], need_label=True)
    refuse_overlap(train, validation, test, {})
    plain = PreparationRequest(["T1"], cards["mslub"].preparation, 64)
    labelled = replace(plain, with_label=True)
    normal = [prepare_subject(one, plain, tmp_path) for one in train.present[:12]]
    sick = [prepare_subject(one, labelled, tmp_path) for one in test.present]
    images, masks = stack_subjects(normal, tmp_path)
    assert images.shape == (sum(len(one.images) for one in normal), 1, 64, 64)
    assert all(45 <= len(one.images) <= 75 for one in [*normal, *sick])
    assert np.median(images[:, 0][masks]) == pytest.approx(0.6, abs=0.1)
    for one in sick:
        assert np.median(one.images[:, 0][one.masks]) == pytest.approx(0.65, abs=0.15)
        assert 0 < one.image_labels.mean() < 1
