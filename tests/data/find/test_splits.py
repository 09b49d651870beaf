import hashlib

import pytest

from bench.cards import Bucket, DatasetCard, Split
from bench.cards.splits import shared_subjects
from bench.data.files import ImageFiles, SubjectFiles
from bench.data.find.splits import members, restricted
from bench.errors import CardError
from bench.registry import load_datasets
from fakes.brain_files import card


def pictures(name, *classes, part=""):
    some = tuple(
        ImageFiles(f"{n}", {"OCT": None}, abnormal=one, part=part) for n, one in enumerate(classes)
    )
    return SubjectFiles("toy", name, {}, image_files=some)


def test_a_bucket_is_a_function_of_the_id():
    bucket = Bucket(of=10, take=[3])
    expected = [str(n) for n in range(200)
                if int(hashlib.sha256(str(n).encode()).hexdigest(), 16) % 10 == 3]  # fmt: skip
    assert [str(n) for n in range(200) if bucket.holds(str(n))] == expected
    assert 8 <= len(expected) <= 35


def test_buckets_that_meet():
    assert Bucket(of=10, take=[1]).meets(Bucket(of=10, take=[1, 2]))
    assert not Bucket(of=10, take=[1]).meets(Bucket(of=10, take=[2]))
    assert not Bucket(of=10, take=[1]).meets(Bucket(of=4, take=[2]))
    assert Bucket(of=10, take=[1]).meets(Bucket(of=4, take=[3]))
    assert Bucket(of=3, take=[1]).meets(Bucket(of=4, take=[0]))


def split(subjects, slices="all"):
    return Split(subjects=subjects, slices=slices, rule="")


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (["a"], ["b"], ""),
        (["a", "b"], ["b"], "b"),
        ({"of": 10, "take": [1]}, {"of": 10, "take": [2]}, ""),
        ({"of": 10, "take": [1]}, {"of": 5, "take": [1]}, "a bucket of one is in the other"),
        ({"of": 2, "take": [0, 1]}, ["a"], "a"),
        ("all", ["a"], "all of them"),
        ("rest", "rest", "all of them"),
        ({"part": "a"}, {"part": "b"}, ""),
    ],
)
def test_what_rules_share(one, other, shared):
    assert shared_subjects(split(one), split(other)) == shared
    assert shared_subjects(split(other), split(one)) == shared


def test_a_card_with_a_leak_is_refused():
    splits = {
        "train": {"subjects": {"of": 10, "take": [1, 2]}, "rule": ""},
        "validation": {"subjects": {"of": 10, "take": [2]}, "rule": ""},
    }
    with pytest.raises(ValueError, match="in both train and validation"):
        card(splits=splits, tasks={})


def test_members_by_rule():
    present = {
        "1": pictures("1", False, True, part="train"),
        "2": pictures("2", True, part="test"),
        "3": pictures("3", False, part="test"),
    }
    one = card(
        tasks={},
        splits={
            "all": {"subjects": "all", "rule": ""},
            "normal": {"subjects": "all", "slices": "lesion-free", "rule": ""},
            "part": {"subjects": {"part": "test"}, "rule": ""},
            "rest": {"subjects": "rest", "rule": ""},
        },
    )
    assert members(one, "all", present) == ["1", "2", "3"]
    assert members(one, "normal", present) == ["1", "3"]
    assert members(one, "part", present) == ["2", "3"]
    assert members(one, "rest", present) == ["1"]
    kept = restricted(present["1"], one.splits["normal"])
    assert [p.name for p in kept.image_files] == ["0"]


@pytest.mark.parametrize("name", [n for n, c in load_datasets().items() if not c.generator])
def test_every_shipped_rule_keeps_the_sides_apart(name):
    one = load_datasets()[name]
    for task in one.tasks.values():
        if task.train_on in (None, name):
            for side in ("train", "validation"):
                assert not shared_subjects(one.splits[side], one.splits[task.test])
    assert all(side.rule for side in one.splits.values())
    assert one.licence
    assert one.citation
    assert one.obtain or one.homepage or one.downloads


def test_wrong_cards_name_what_would_be_right():
    from bench.cards import parse_card

    content = card().model_dump()
    layout = {"name": "a", "title": "", "kind": "images", "images": {"A": "{subjekt}.png"}}
    with pytest.raises(CardError, match=r"may hold .*\{subject\}.*not \{subjekt\}"):
        parse_card(content | {"layouts": [layout]}, DatasetCard, where="x")
    with pytest.raises(CardError, match="did you mean 'foreground'"):
        parse_card(content | {"preparation": {"foregrund": "whole"}}, DatasetCard, where="x")
    wrong = {"grid": [8, 8, 8], "spacing_mm": [1, 1, 1], "gridd": 1}
    with pytest.raises(CardError, match="did you mean 'grid'"):
        parse_card(content | {"preparation": wrong}, DatasetCard, where="x")
