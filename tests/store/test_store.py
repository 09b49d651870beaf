import json
import os
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import StoreError
from bench.store.store import Store
from fakes.records import a_record


def test_a_record_reads_back(tmp_path):
    store = Store(tmp_path)
    record = a_record(reason="an ä and a \u2028")
    path = store.write_record(record)
    assert path == tmp_path / "phantom/ms-t1/ae" / f"{record.key}.json"
    assert store.read_record("phantom/ms-t1", "ae", record.key) == record
    assert store.read_all() == ([record], [])


@given(
    reason=st.text(), seed=st.integers(0, 2**31), config=st.dictionaries(st.text(), st.integers())
)
def test_any_record_reads_back(tmp_path_factory, reason, seed, config):
    store = Store(tmp_path_factory.mktemp("store"))
    record = a_record(reason=reason, seed=seed, config=config)
    store.write_record(record)
    assert store.read_all() == ([record], [])


def test_nothing_half_written_is_ever_a_json_file(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.open_for_writing()

    def power_cut(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(StoreError, match="No space left"):
        store.write_record(a_record())
    assert not list(tmp_path.rglob("*.json"))


def test_broken_foreign_and_newer_records_are_named_and_harm_no_other(tmp_path):
    store = Store(tmp_path)
    good = a_record()
    path = store.write_record(good)
    content = json.loads(path.read_text())
    for name, text in {
        "broken": "{",
        "foreign": "[1]",
        "newer": json.dumps({**content, "schema_version": 999}),
        "odd": json.dumps({**content, "status": "perhaps"}),
    }.items():
        (path.parent / f"{name}.json").write_text(text)
    records, broken = store.read_all()
    assert records == [good]
    assert [one.path.stem for one in broken] == ["broken", "foreign", "newer", "odd"]
    assert "newer bench" in broken[2].problem
    assert "status" in broken[3].problem


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    store = Store(tmp_path)
    target = store.fit_folder("k")

    def interrupted():
        with store.new_folder(target) as partial:
            (partial / "a").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert not target.exists()
    with store.new_folder(target) as partial:
        (partial / "a").write_text("whole")
        assert not target.exists()
    assert (target / "a").read_text() == "whole"
    with store.new_folder(target) as partial:
        (partial / "b").write_text("newer")
        assert (target / "a").read_text() == "whole"
    assert [path.name for path in target.iterdir()] == ["b"]
    assert not list((tmp_path / "_partial").iterdir())


def test_a_place_that_cannot_be_written_is_refused_before_anything_starts(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        Store(tmp_path / "file").open_for_writing()
    assert "--results" in str(caught.value.hint)


def test_sweep_removes_what_the_dead_left_and_nothing_of_the_living(tmp_path):
    store = Store(tmp_path)
    store.open_for_writing()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    left = tmp_path / "_partial" / f"{socket.gethostname()}~{dead}~x"
    left.mkdir()
    other_host = tmp_path / "_partial" / f"elsewhere~{dead}~x"
    other_host.mkdir()
    mine = store.scratch()
    store.sweep()
    assert not left.exists()
    assert other_host.exists()
    assert mine.exists()
