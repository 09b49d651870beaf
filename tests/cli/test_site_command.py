"""`bench site` on stores of hand-written records; its pages are tested in tests/report."""

import json

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.errors import StoreError, UsageError
from fakes.report_samples import numbers, record
from fakes.sites import named, write_store


def site(*words):
    done = CliRunner().invoke(app, ["site", *map(str, words)])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def of_mine(value):
    found = {"pixel-pooled@2": numbers(value)}
    return named(record("mine", value, task="own/t1", protocols=found))


@pytest.fixture
def lab(tmp_path):
    write_store(tmp_path / "lab" / "runs", [of_mine(0.3)])
    return tmp_path / "lab" / "runs"


def test_a_store_becomes_a_site(lab, tmp_path):
    done = site(lab, "--out", tmp_path / "out")
    assert f"open {tmp_path / 'out' / 'index.html'} in a browser" in done.stderr
    assert ">30.00</a>" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_two_stores_stand_side_by_side(lab, tmp_path):
    write_store(tmp_path / "other" / "runs", [of_mine(0.4)])
    site(lab, tmp_path / "other" / "runs", "--out", tmp_path / "out")
    index = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<td>lab</td>" in index
    assert "<td>other</td>" in index
    assert "ap is 0.3 in lab and 0.4 in other" in index


def test_a_record_that_leads_out_of_its_store_is_left_out_and_named(lab, tmp_path):
    path = next(lab.glob("own/t1/mine/*.json"))
    content = json.loads(path.read_text())
    (path.parent / "evil.json").write_text(json.dumps({**content, "key": "../../../../evil"}))
    (path.parent / "moved.json").write_text(json.dumps({**content, "key": "a" * 64}))
    done = site(lab, "--out", tmp_path / "out")
    assert done.stderr.count("mine on own/t1 is left out: its names are not those of its file") == 2
    store = next((tmp_path / "out" / "stores").iterdir()).read_text(encoding="utf-8")
    assert store.count("its names are not those of its file") == 2
    assert len(list((tmp_path / "out" / "records").rglob("*.json"))) == 1
    assert not list(tmp_path.rglob("evil"))


def test_what_is_no_store_is_refused_with_the_next_command(lab, tmp_path):
    archive = tmp_path / "lab.tar"
    archive.write_bytes(b"")
    with pytest.raises(UsageError, match="is a file, not a run store") as told:
        site(archive, "--out", tmp_path / "out")
    assert told.value.hint.endswith(f"bench merge {archive} --results DIR")
    with pytest.raises(StoreError, match="there is no run store at"):
        site(tmp_path / "nowhere", "--out", tmp_path / "out")
    with pytest.raises(UsageError, match="a store is named twice"):
        site(lab, lab / ".." / "runs", "--out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="holds no record of a cell"):
        site(tmp_path / "empty", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
