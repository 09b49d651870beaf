"""The light reader of records agrees with the full one, whatever the file holds."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.store.records import Record, RecordHead
from bench.store.store import Broken, Store, _read, _read_head
from conftest import ROOT
from fakes import records as made_up
from fakes.records import a_record

OLD = sorted((ROOT / "tests/old_records").glob("schema-*/*.json"))


def head_of(record):
    """What a head says, taken from a whole record."""
    names = set(RecordHead.model_fields) - {"protocols"}
    return record.model_dump(include=names), {
        name: (one.status, one.metrics, one.cases) for name, one in record.protocols.items()
    }


def agree(path):
    """Whether both readers took the file; where they differ in more than that, fail."""
    head, whole = _read_head(path), _read(path)
    if isinstance(head, Broken):
        assert head == whole  # the same words too
    elif isinstance(whole, Record):
        assert head_of(head) == head_of(whole)
    return not isinstance(head, Broken), isinstance(whole, Record)


@given(
    reason=st.text(),
    seed=st.integers(0, 2**63 - 1),
    config=st.dictionaries(st.text(), st.integers() | st.floats(0, 1) | st.text() | st.none()),
    value=st.one_of(st.none(), st.floats(0, 1)),
)
@settings(max_examples=50)
def test_a_head_says_what_its_record_says(tmp_path_factory, reason, seed, config, value):
    store = Store(tmp_path_factory.mktemp("store"))
    record = made_up.record(value=value, seed=seed, reason=reason, config=config, key="k")
    store.write_record(record)
    head = store.read_head(record.task, record.method, "k")
    assert head_of(head) == head_of(record)
    assert [head_of(one) for one in store.read_heads()] == [head_of(record)]


@pytest.mark.parametrize("path", OLD, ids=lambda path: f"{path.parent.name}-{path.stem[:8]}")
def test_flipped_and_cut_bytes_are_told_in_the_same_words(path, tmp_path):
    good = path.read_bytes()
    assert agree(path) == (True, True)
    file = tmp_path / "damaged.json"
    draw = random.Random(path.name)
    taken = []
    for _ in range(150):
        at = draw.randrange(len(good))
        flipped = bytes([good[at] ^ (1 << draw.randrange(8))])
        file.write_bytes(good[:at] + flipped + good[at + 1 :])
        taken.append(agree(file))
        file.write_bytes(good[: draw.randrange(len(good.rstrip()))])
        assert agree(file) == (False, False)
    assert (False, False) in taken


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("status",), "perhaps"),
        (("seed",), -1),
        (("key",), 5),
        (("schema_version",), 999),
        (("config",), {"k": float("inf")}),
        (("protocols", "image@1", "metrics", "ap"), 7.5),
        (("protocols", "image@1", "prevalence"), float("nan")),
        (("protocols", "image@1", "positives"), 10**9),
    ],
)
def test_a_fault_in_the_head_is_refused_by_both(tmp_path, place, value):
    store = Store(tmp_path)
    path = store.write_record(made_up.record())
    content = json.loads(path.read_text())
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    path.write_text(json.dumps(content))
    assert agree(path) == (False, False)
    with pytest.raises(StoreError, match="cannot be read"):
        store.read_head("made-up/t1", "far", path.stem)
    assert store.read_heads() == []


def test_a_record_without_a_schema_version_has_no_head(tmp_path):
    store = Store(tmp_path)
    path = store.write_record(a_record())
    content = json.loads(path.read_text())
    del content["schema_version"]
    path.write_text(json.dumps(content))
    assert agree(path) == (False, False)


def test_what_a_head_passes_over_is_refused_where_the_numbers_are_read(tmp_path):
    store = Store(tmp_path)
    path = store.write_record(made_up.record())
    content = json.loads(path.read_text())
    content["protocols"]["image@1"]["per_subject"] = {"p1": {"cases": -1, "positives": 0}}
    path.write_text(json.dumps(content))
    assert store.read_head("made-up/t1", "far", path.stem).status == "done"
    with pytest.raises(StoreError, match="cases: must be 0 or more"):
        store.read_record("made-up/t1", "far", path.stem)


def test_there_is_no_head_where_there_is_no_record(tmp_path):
    assert Store(tmp_path).read_head("made-up/t1", "far", "k") is None
