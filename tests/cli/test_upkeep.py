"""`bench export`, `merge`, `clean` and `schema` on a store of real cells."""

import json

import jsonschema
import pytest

from bench.store.store import Store
from fakes import tiny
from fakes.here import bench_here


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    done = bench_here(
        folder, "run", "--method", "intensity", "--method", "anomalib-dfm", "--task", "tiny/t1",
        "--budget", "smoke", "--data-dir", "data", "--device", "cpu", "--results", "runs",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def numbers(root):
    return [(one.method, one.status, one.protocols) for one in Store(root).read_all()[0]]


def test_a_store_goes_through_an_archive(place):
    assert bench_here(place, "export", "all.tar", "--results", "runs").returncode == 0
    once = bench_here(place, "merge", "all.tar", "--results", "other")
    assert "2 cells taken, 0 completed, 0 here already, 0 in conflict" in once.stderr
    again = bench_here(place, "merge", "all.tar", "runs", "--results", "other")
    assert again.stderr.count("0 cells taken, 0 completed, 2 here already") == 2
    assert numbers(place / "other") == numbers(place / "runs")
    assert bench_here(place, "rescore", "-p", "pixel-whole@1", "--results", "other").returncode == 0

    some = bench_here(place, "export", "x.tar", "--method", "intensity", "--results", "runs")
    assert "written: 1 cell" in some.stderr
    none = bench_here(place, "export", "x.tar", "--method", "ae", "--results", "runs")
    assert (none.returncode, "intensity on tiny/t1" in none.stderr) == (2, True)


def test_a_conflict_is_named_and_is_exit_1(place):
    bench_here(place, "merge", "runs", "--results", "mine")
    (path,) = (place / "mine" / "tiny" / "t1" / "intensity").glob("*.json")
    record = json.loads(path.read_text())
    record["protocols"]["image@1"]["metrics"]["ap"] = 0.123
    path.write_text(json.dumps(record))
    done = bench_here(place, "merge", "runs", "--results", "mine")
    assert done.returncode == 1
    assert "conflict, ours stays: intensity on tiny/t1" in done.stderr
    assert "ap is 0.123 here and" in done.stderr


def test_clean_says_bytes_first_and_asks(place):
    bench_here(place, "merge", "runs", "--results", "full")
    full = ("--results", "full")
    rows = json.loads(bench_here(place, "clean", "--json", *full).stdout)["kinds"]
    size = {row["kind"]: row["bytes"] for row in rows}
    assert size["predictions"] > 1000
    assert (size["stale"], size["checkpoints"]) == (0, 0)
    refused = bench_here(place, "clean", "--kind", "predictions", *full)
    assert (refused.returncode, f"{size['predictions']:,} bytes" in refused.stderr) == (2, True)
    assert list((place / "full" / "_predictions").iterdir())
    done = bench_here(place, "clean", "--kind", "predictions", "--yes", *full)
    assert f"freed {size['predictions']:,} bytes" in done.stderr
    assert not list((place / "full" / "_predictions").iterdir())
    assert numbers(place / "full") == numbers(place / "runs")


def test_real_records_keep_to_the_schema(place):
    schema = json.loads(bench_here(place, "schema", "record").stdout)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    records = [json.loads(path.read_text()) for path in place.glob("runs/tiny/*/*/*.json")]
    assert {one["status"] for one in records} == {"done", "skipped"}
    for record in records:
        validator.validate(record)
    for name, value in (("status", "well"), ("seed", -1), ("protocols", {"x": {"status": 3}})):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**records[0], name: value})
