"""`bench.predict`, `show`, `figures` and `html` give what the commands give."""

import csv
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench.errors import DataError, UnknownName, UsageError
from fakes import tiny
from fakes.here import Here

SCANS = ["data/tiny/p1/T1.nii.gz", "data/tiny/p2/T1.nii.gz"]


@pytest.fixture(scope="module")
def place(tmp_path_factory, session_cache):
    """A folder with cells of two methods."""
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    os.environ["BENCH_CACHE"] = str(session_cache)
    done = tiny.bench(
        folder, "run", "--method", "gaussian", "--method", "random", "--task", "tiny/t1",
        "--budget", "smoke", "--data-dir", "data",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def here(place, monkeypatch):
    """Runs a command in that folder, where the test stands too."""
    monkeypatch.chdir(place)
    run = Here(monkeypatch)

    def call(*arguments):
        done = run(place, *arguments)
        assert done.returncode == 0, done.stderr
        return done

    return call


def same_files(one, other):
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    return names


def test_predict_writes_and_gives_what_the_command_writes(here, place):
    here("predict", "--cell", "tiny/t1:gaussian", *SCANS, "--p-maps", "--out", "typed")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bench.predict(SCANS, "tiny/t1:gaussian", "called", p_maps=True)
    names = same_files(place / "typed", place / "called")
    assert {"p1_T1_map.nii.gz", "p2_T1_p.nii.gz", "scores.csv", "scores.json"} <= set(names)
    kept = pd.read_csv(place / "typed" / "scores.csv")
    pd.testing.assert_frame_equal(found, kept.astype(dict.fromkeys(kept.columns[1:], float)))
    (record,) = [one for one in bench.load_records() if one.method == "gaussian"]
    scores = {one.subject: one.scores for one in bench.read_predictions(record)}
    for subject in ("p1", "p2"):
        mine = found[found.image == f"{subject}_T1"]
        assert np.array_equal(np.float32(mine.score), scores[subject])
        assert list(mine["slice"]) == list(range(len(mine)))


def test_predict_takes_a_record_one_file_and_a_mask(here, place):
    (record,) = [one for one in bench.load_records() if one.method == "gaussian"]
    whole = bench.predict(place / SCANS[0], record, place / "one")
    assert set(whole.image) == {"T1"}
    with pytest.raises(UsageError, match="2 --mask for 1 image"):
        bench.predict(SCANS[0], record, "one", masks=["a", "b"])
    with pytest.raises(DataError, match="holds no file"):
        bench.predict("*.none", record, "one")
    with pytest.raises(UnknownName, match="gaussien"):
        bench.predict(SCANS, "tiny/t1:gaussien", "one")


def test_predict_warns_of_what_it_skips(here, place):
    folder = place / "scans"
    folder.mkdir()
    (folder / "a.nii.gz").write_bytes((place / SCANS[0]).read_bytes())
    (folder / "bad.nii.gz").write_bytes(b"not a volume")
    (folder / "notes.txt").write_text("no image")
    with (
        pytest.warns(UserWarning, match="^bad is left out: "),
        pytest.warns(UserWarning, match="^skipped: ") as heard,
    ):
        found = bench.predict("scans", "tiny/t1:gaussian", "skipping")
    texts = [str(one.message) for one in heard]
    assert any(one.startswith("bad is left out: ") for one in texts)
    assert "skipped: 1 file (cannot be prepared)" in texts
    assert "skipped: 1 file (not read as volumes)" in texts
    assert {one.filename for one in heard} == {__file__}
    assert set(found.image) == {"a"}
    with (place / "skipping" / "scores.csv").open() as handle:
        assert {row["image"] for row in csv.DictReader(handle)} == {"a"}


def test_show_draws_what_the_command_draws(here, place):
    here("show", "--cell", "tiny/t1:gaussian", "--subject", "p2", "--out", "typed.png")
    (record,) = bench.run("gaussian", task="tiny/t1", budget="smoke", data_dir="data")
    assert bench.show(record, "called.png", subject="p2") == Path("called.png")
    assert (place / "called.png").read_bytes() == (place / "typed.png").read_bytes()
    bench.show("tiny/t1:gaussian", "other.png", subject="p1")
    assert (place / "other.png").read_bytes() != (place / "typed.png").read_bytes()
    with pytest.raises(UnknownName):
        bench.show(record, "called.png", protocol="nothing@1")


@pytest.mark.parametrize("call", ["figures", "html"])
def test_a_script_without_the_guard_is_refused_in_one_sentence(place, call):
    (place / "script.py").write_text(f"import bench\n\nbench.{call}('unguarded')\n")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"script.py, line 3, calls bench.{call} at its top level" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "unguarded").exists()


def test_figures_and_html_are_those_of_bench_report(here, place):
    here("report", "--figures", "typed-figures")
    files = bench.figures("called-figures")
    names = same_files(place / "typed-figures", place / "called-figures")
    assert sorted(one.name for one in files) == names
    assert {one.suffix for one in files} == {".pdf", ".png"}
    here("report", "--format", "html", "--out", "typed.html")
    assert bench.html("called.html").name == "called.html"
    page = (place / "called.html").read_text()
    assert page == (place / "typed.html").read_text()
    here("report", "--format", "html", "--protocol", "image@1", "--out", "typed.html")
    bench.html("called.html", protocol="image@1")
    assert (place / "called.html").read_text() == (place / "typed.html").read_text() != page
