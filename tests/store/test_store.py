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
from fakes import records as made_up
from fakes.records import a_record


def done_record():
    """A done record with numbers and costs."""
    cost = {"fit_seconds": 1.0, "fit_shared": False, "predict_ms_per_image": 1.0,
            "peak_rss_mb": 1.0}  # fmt: skip
    return made_up.record(cost=cost)


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
    assert [one.problem for one in broken[::3]] == [
        "not a record of bench: it is not JSON: line 1, column 2",
        "not a record of bench: status: must be 'done', 'skipped' or 'failed'",
    ]
    assert "newer bench" in broken[2].problem


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


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("protocols", "pixel-pooled@1", "metrics", "ap"), 7.5, ": must be 1 or less"),
        (("protocols", "pixel-pooled@1", "metrics", "ap"), -0.1, ": must be 0 or more"),
        (
            ("protocols", "pixel-pooled@1", "metrics", "ap"),
            float("nan"),
            "must be a finite number",
        ),
        (
            ("protocols", "pixel-pooled@1", "metrics", "ap"),
            float("inf"),
            "must be a finite number",
        ),
        (("protocols", "pixel-pooled@1", "prevalence"), 2, ": must be 1 or less"),
        (("protocols", "pixel-pooled@1", "positives"), 10**9, "positives among"),
        (("protocols", "pixel-pooled@1", "cases"), -1, ": must be 0 or more"),
        (("cost", "fit_seconds"), -5.0, ": must be 0 or more"),
        (("cost", "fit_seconds"), float("inf"), "must be a finite number"),
        (("seed",), -1, ": must be 0 or more"),
        (("resolved_config", "k"), float("inf"), "Out of range float"),
    ],
)
def test_a_number_outside_its_range_is_no_number(tmp_path, place, value, said):
    store = Store(tmp_path)
    good = store.write_record(done_record())
    content = json.loads(good.read_text())
    inner = content
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    good.write_text(json.dumps(content))
    records, [broken] = store.read_all()
    assert records == []
    assert said in broken.problem
    assert place[-1] in broken.problem or place[-2] in broken.problem


def test_bounds_of_an_interval_are_finite_and_rise(tmp_path):
    store = Store(tmp_path)
    path = store.write_record(done_record())
    text = path.read_text()
    for low, high in (("-Infinity", "Infinity"), ("0.5", "0.25")):
        content = json.loads(text)
        content["protocols"]["pixel-pooled@1"]["intervals"] = {"ap": {"low": 0.0, "high": 1.0}}
        changed = json.dumps(content).replace('"low": 0.0', f'"low": {low}')
        path.write_text(changed.replace('"high": 1.0', f'"high": {high}'))
        records, [broken] = store.read_all()
        assert records == []
        assert "intervals.ap" in broken.problem


@pytest.mark.parametrize(
    "text",
    ["[" * 2000, '{"schema_version": 1, "seed": ' + "9" * 5000 + "}", '{"schema_version": 1e999}',
     '{"schema_version": true}', "null", ""],
    ids=["brackets", "digits", "infinity", "true", "null", "empty"],
)  # fmt: skip
def test_a_record_that_no_parser_reads_stops_no_report(tmp_path, text):
    store = Store(tmp_path)
    good = done_record()
    path = store.write_record(good)
    (path.parent / "odd.json").write_text(text)
    records, [broken] = store.read_all()
    assert records == [good]
    assert broken.path.name == "odd.json"
    assert len(broken.problem) <= 300


def test_a_huge_integer_in_settings_is_no_record(tmp_path):
    store = Store(tmp_path)
    path = store.write_record(done_record())
    text = path.read_text().replace('"resolved_config": {}', '"resolved_config": {"k": DIGITS}')
    path.write_text(text.replace("DIGITS", "9" * 5000))
    records, broken = store.read_all()
    assert (records, len(broken)) == ([], 1)


def test_folders_and_pipes_named_as_records_are_named_and_harm_no_other(tmp_path):
    store = Store(tmp_path)
    path = store.write_record(a_record())
    (path.parent / "folder.json").mkdir()
    os.mkfifo(path.parent / "pipe.json")
    (path.parent / "nowhere.json").symlink_to("gone")
    records, broken = store.read_all()
    assert len(records) == 1
    assert [one.path.name for one in broken] == ["folder.json", "nowhere.json", "pipe.json"]


def test_a_reason_is_bounded_and_holds_nothing_that_a_page_or_terminal_cannot_show(tmp_path):
    store = Store(tmp_path)
    red = "\x1b[31mred\x1b[0m, \x1b]0;title\x07 \ud800 and \x00\x08 and \u202eturned"
    path = store.write_record(a_record(reason=red))
    [record], _ = store.read_all()
    assert record.reason == "red,  \ufffd and  and turned"
    path.write_text(path.read_text().replace("red,", "\\ud800\\u001b[31m" + "x" * 10**6))
    [record], _ = store.read_all()
    assert record.reason.startswith("\ufffdxxx")
    assert len(record.reason) <= 2000
    assert "characters left out" in record.reason


@pytest.mark.parametrize("name", ["x", "", "-1", "1" * 40, "x~y~z", "1.5"])
def test_sweep_leaves_names_that_bear_no_process(tmp_path, name):
    store = Store(tmp_path)
    store.open_for_writing()
    odd = tmp_path / "_partial" / f"{socket.gethostname()}~{name}~rest"
    odd.write_text("somebody else's")
    store.sweep()
    assert odd.exists()
