"""Reading without numbers by subject refuses what the whole reader refuses, in the same words."""

import json
import random
from functools import reduce

import pytest
from pydantic import TypeAdapter

from bench.store.records import Record, SubjectNumbers
from bench.store.replicates import Replicates
from bench.store.store import Store, _read
from bench.store.unkept import RecordWithoutSubjects, _Subject
from conftest import ROOT
from fakes import records as made_up

OLD = sorted((ROOT / "tests/old_records").glob("schema-*/*.json"))
IMAGE = ("protocols", "image@1")
P1 = (*IMAGE, "per_subject", "p1")
GOOD = {"cases": 9, "positives": 4, "metrics": {"ap": 0.5}, "degenerate": True}


def both(path):
    return _read(path, by_subject=False), _read(path)


def agree(path):
    """Whether both readers took the file; what they say of it must be the same."""
    light, whole = both(path)
    if not isinstance(whole, Record):
        assert light == whole
        return False
    assert isinstance(light, Record)
    assert light.model_dump() == whole.without_subjects().model_dump()
    return True


def written(tmp_path, place=(), value=None, **numbers):
    """A record's file with one value of its content changed; None takes the value out."""
    store = Store(tmp_path)
    path = store.write_record(made_up.record(**numbers))
    content = json.loads(path.read_text())
    content["protocols"]["image@1"]["per_subject"] = {"p0": dict(GOOD), "p1": dict(GOOD)}
    if place:
        inner = reduce(lambda found, name: found[name], place[:-1], content)
        inner.pop(place[-1]) if value is None else inner.update({place[-1]: value})
    path.write_text(json.dumps(content))
    return path


def test_subjects_are_left_out_and_all_else_is_there(tmp_path):
    light, whole = both(written(tmp_path))
    assert whole.protocols["image@1"].per_subject["p1"] == SubjectNumbers(**GOOD)
    assert light.protocols["image@1"].per_subject == {}
    assert light.model_dump() == whole.without_subjects().model_dump()
    assert (light.key, light.protocols["image@1"].metrics) == (
        whole.key, whole.protocols["image@1"].metrics
    )  # fmt: skip


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ((*P1, "cases"), -1, "p1.cases: must be 0 or more"),
        ((*P1, "cases"), 2**63, "p1.cases"),
        ((*P1, "cases"), "many", "p1.cases"),
        ((*P1, "cases"), None, "p1.cases"),
        ((*P1, "positives"), None, "p1.positives"),
        ((*P1, "positives"), 10, "10 positives among 9 cases"),
        ((*P1, "positives"), 4.5, "p1.positives"),
        ((*P1, "metrics"), {"ap": 1.5}, "p1.metrics.ap"),
        ((*P1, "metrics"), {"ap": -0.1}, "p1.metrics.ap"),
        ((*P1, "metrics"), {"ap": float("nan")}, "p1.metrics.ap"),
        ((*P1, "metrics"), {"ap": float("inf")}, "p1.metrics.ap"),
        ((*P1, "metrics"), {"ap": "half"}, "p1.metrics.ap"),
        ((*P1, "metrics"), [0.5], "p1.metrics"),
        ((*P1, "degenerate"), "perhaps", "p1.degenerate"),
        ((*P1, "more"), 1, "p1.more"),
        (P1, 5, "p1"),
        (P1, [], "p1"),
        ((*IMAGE, "per_subject"), [], "per_subject"),
        ((*IMAGE, "positives"), 10**9, "positives among"),
        ((*IMAGE, "more"), 1, "image@1.more"),
        (("cost",), {}, "cost"),
    ],
    ids=lambda one: ".".join(one[-2:]) if isinstance(one, tuple) else None,
)
def test_a_wrong_number_is_named_though_nobody_reads_it(tmp_path, place, value, said):
    path = written(tmp_path, place, value)
    assert not agree(path)
    assert said in _read(path, by_subject=False).problem
    records, [broken] = Store(tmp_path).read_all(by_subject=False)
    assert (records, broken.path) == ([], path)


@pytest.mark.parametrize("value", ["9", 9.0, True])
def test_numbers_that_the_whole_reader_takes_in_other_clothes_are_taken(tmp_path, value):
    """As an older or foreign writer may have left them."""
    assert agree(written(tmp_path, (*P1, "cases"), value)) is (value is not True)


@pytest.mark.parametrize("path", OLD, ids=lambda path: f"{path.parent.name}-{path.stem[:8]}")
def test_flipped_and_cut_bytes_are_told_in_the_same_words(path, tmp_path):
    good, file = path.read_bytes(), tmp_path / "damaged.json"
    assert agree(path)
    draw = random.Random(path.name)
    taken = []
    for _ in range(60):
        at = draw.randrange(len(good))
        flipped = bytes([good[at] ^ (1 << draw.randrange(8))])
        file.write_bytes(good[:at] + flipped + good[at + 1 :])
        taken.append(agree(file))
        file.write_bytes(good[: draw.randrange(len(good.rstrip()))])
        assert not agree(file)
    assert False in taken


def test_both_forms_of_a_subject_have_the_same_fields():
    whole, light = SubjectNumbers.model_json_schema(), TypeAdapter(_Subject).json_schema()
    assert whole["required"] == light["required"] == ["cases", "positives"]
    assert set(whole["properties"]) == set(light["properties"])
    assert set(RecordWithoutSubjects.model_fields) == set(Record.model_fields)


def with_replicates(tmp_path, damage):
    import numpy as np

    packed = Replicates.of(np.random.default_rng(0).beta(2, 30, 1000))
    numbers = {"draws": "1-x", "subjects": 8, "metrics": {"ap": packed.model_dump(mode="json")}}
    codes = numbers["metrics"]["ap"]["codes"]
    numbers["metrics"]["ap"]["codes"] = damage(codes)
    return written(tmp_path, (*IMAGE, "resampled"), numbers), packed


def flip(codes):
    """The checksum at the end of what is packed tells."""
    at = len(codes) // 2
    return codes[:at] + ("A" if codes[at] != "A" else "B") + codes[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flip, lambda codes: codes[:-8], lambda codes: "?" + codes, lambda codes: codes + " ",
     lambda codes: codes * 5, lambda codes: 5, lambda codes: "", lambda codes: "eJw=" * 9],
    ids=["flipped", "cut", "no base64", "blank", "too long", "a number", "empty", "padding"],
)  # fmt: skip
def test_damaged_replicates_are_named(tmp_path, damage):
    path, _ = with_replicates(tmp_path, damage)
    assert not agree(path)
    assert "resampled.metrics.ap.codes" in _read(path).problem


def test_whole_replicates_are_the_same_in_both(tmp_path):
    path, packed = with_replicates(tmp_path, lambda codes: codes)
    for found in both(path):
        assert found.protocols["image@1"].resampled.metrics["ap"] == packed
