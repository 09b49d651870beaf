"""Records of every schema that was ever written load for ever, and make a report.

The files in ``tests/old_records`` are real and never changed; a new schema adds a folder.
"""

import json
import shutil

import pytest

from bench.report import Cards, build_report, render
from bench.store.records import SCHEMA_VERSION
from bench.store.store import Store
from conftest import ROOT

SCHEMAS = sorted((ROOT / "tests" / "old_records").glob("schema-*"))


@pytest.fixture(params=SCHEMAS, ids=lambda path: path.name)
def old(request, tmp_path):
    """A schema's records, where a store of that time had them."""
    for path in request.param.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        folder = tmp_path / content["task"] / content["method"]
        folder.mkdir(parents=True)
        shutil.copy(path, folder / f"{content['key']}.json")
    return tmp_path


def test_the_present_schema_is_frozen():
    assert f"schema-{SCHEMA_VERSION}" in {path.name for path in SCHEMAS}


def test_old_records_load_and_keep_their_numbers(old):
    records, broken = Store(old).read_all()
    assert broken == []
    found = {record.status: record for record in records}
    assert set(found) == {"done", "skipped", "failed"}
    (path,) = old.glob(f"*/*/*/{found['done'].key}.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, numbers in content["protocols"].items():
        assert found["done"].protocols[name].metrics == numbers["metrics"]
    assert found["done"].cost.fit_seconds == content["cost"]["fit_seconds"]
    assert found["failed"].error_class == "method"


def test_a_report_can_be_made_of_old_records(old):
    records, _ = Store(old).read_all()
    report = build_report(records, Cards())
    rows = json.loads(render(report, "json"))
    # Their headline protocol may be one that did not exist then: that number is missing.
    assert {row["status"] for row in rows} - {"missing"} == {"done", "skipped", "failed"}
    assert "brightness" in render(report, "markdown")
