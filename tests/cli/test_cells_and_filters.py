"""Keys are printed, listed and found; a report can be of a part of the store."""

import json
import os
import re
import subprocess
import sys

import pytest

from bench.store.store import Store
from fakes import tiny
from fakes.here import bench_here
from fakes.records import record, store


@pytest.fixture(scope="module")
def place(tmp_path_factory, session_cache):
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    os.environ["BENCH_CACHE"] = str(session_cache)
    run = ("run", "--method", "intensity", "--method", "random", "--budget", "smoke")
    done = bench_here(folder, *run, "--no-yardsticks", "--task", "tiny/t1", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_text(done.stderr)
    return folder


def listed(place, *options):
    done = bench_here(place, "list", "cells", "--json", *options)
    return json.loads(done.stdout)


def test_a_run_prints_the_keys_that_show_takes(place):
    said = re.findall(r"^cell ([0-9a-f]{12}): (.*)$", (place / "stderr").read_text(), re.M)
    assert [name for _, name in said] == [
        "intensity on tiny/t1, seed 0, done",
        "random on tiny/t1, seed 0, done",
    ]
    assert [key for key, _ in said] == [one["key"][:12] for one in listed(place)]
    done = bench_here(place, "show", "--cell", said[0][0], "--out", "cell.png")
    assert done.returncode == 0, done.stderr
    again = bench_here(place, "show", "--cell", "tiny/t1:intensity:0", "--out", "name.png")
    assert again.returncode == 0, again.stderr
    assert (place / "name.png").read_bytes() == (place / "cell.png").read_bytes()


def test_cells_are_listed_with_filters(place):
    assert {one["name"] for one in listed(place)} == {"tiny/t1:random:0", "tiny/t1:intensity:0"}
    assert [one["method"] for one in listed(place, "--method", "random")] == ["random"]
    assert len(listed(place, "--status", "done", "--task", "tiny/t1", "--budget", "smoke")) == 2
    text = bench_here(place, "list", "cells").stdout.splitlines()
    assert text[0].split() == [
        *["key", "task", "method", "seed", "status", "budget", "trained", "on", "settings", "made"]
    ]
    assert len(text) == 3
    done = bench_here(place, "list", "cells", "--method", "rando")
    assert done.returncode == 2
    assert "did you mean 'random'?" in done.stderr
    done = bench_here(place, "list", "tasks", "--method", "random")
    assert (done.returncode, "bench list cells" in done.stderr) == (2, True)


def test_suites_are_listed(place):
    names = [
        one["name"] for one in json.loads(bench_here(place, "list", "suites", "--json").stdout)
    ]
    assert "smoke" in names


def test_a_report_is_of_what_was_asked_for(place):
    rows = json.loads(
        bench_here(place, "report", "--format", "json", "-m", "random", "--metric", "ap").stdout
    )
    assert {(one["method"], one["metric"]) for one in rows} == {("random", "ap")}
    wide = bench_here(place, "report", "--layout", "methods-by-tasks", "--format", "csv").stdout
    assert wide.splitlines()[0] == "Method,tiny/t1"
    page = bench_here(place, "report", "--layout", "methods-by-tasks", "--format", "html").stdout
    assert '<section id="methods-by-tasks">' in page
    for options in (("--format", "json"), ("--sensitivity",), ("--rows", "published")):
        done = bench_here(place, "report", "--layout", "methods-by-tasks", *options)
        assert (done.returncode, "--layout" in done.stderr) == (2, True)
    done = bench_here(place, "report", "--average-over", "tiny/t1")
    assert done.returncode == 2


def test_a_part_of_the_store_is_scored_again(place):
    again = ("rescore", "--protocol", "mid-axial@1")
    wrong = bench_here(place, *again, "--task", "tiny/t2")
    assert (wrong.returncode, "unknown task with records 'tiny/t2'" in wrong.stderr) == (2, True)
    done = bench_here(place, *again, "--task", "tiny/t1", "--method", "random", "--jobs", "1")
    assert "1 cell rescored with mid-axial@1; 0 cells have no kept predictions" in done.stderr
    records, _ = Store(place / "results/runs").read_all()
    scored = {one.method for one in records if "mid-axial@1" in one.protocols}
    assert (scored, len(records)) == ({"random"}, 2)


def test_a_folder_without_records_is_not_a_store(tmp_path):
    (tmp_path / "empty").mkdir()
    done = bench_here(tmp_path, "report", "--results", "empty")
    assert done.returncode == 2
    assert "empty holds no record of a cell" in done.stderr
    assert bench_here(tmp_path, "report", "--results", "empty", "--rows", "published").stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("run --budget ", "smoke"),
        ("run --train-on ix", "ixi"),
        ("run --method ae --set de", "depth="),
        ("run --set ae:de", "ae:depth="),
        ("suite smo", "smoke"),
        ("rescore --protocol pixel-p", "pixel-pooled@2"),
        ("report --metric aur", "auroc"),
        ("data check msl", "mslub"),
        ("show --results STORE --cell a0", "a0a0a0a0a0a0"),
        ("verify --results STORE made", "made-up/t1:ae"),
    ],
)
def test_the_shell_completes(line, offered, tmp_path):
    store(tmp_path / "runs", record("ae", 0.5, key="a0" * 20))
    line = f"bench {line}".replace("STORE", str(tmp_path / "runs"))
    words = line.split(" ")
    environment = {
        **os.environ,
        "_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "import sys; sys.argv = ['bench']; from bench.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert offered in done.stdout.split()
