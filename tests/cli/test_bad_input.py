"""Bad input: the right exit code, one clear message, no traceback, nothing lost."""

import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from fakes import tiny
from fakes.here import bench_here


@pytest.fixture
def place(tmp_path):
    tiny.make_volumes(tmp_path / "data")
    tiny.write_card(tmp_path)
    return tmp_path


def run(place, *arguments, **environment):
    given = ("run", "--method", "intensity", "--budget", "smoke", "--data-dir", "data")
    return bench_here(place, *given, *arguments, **environment)


def one_message(done, code, *words):
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr, (word, done.stderr)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--task", "tiny/t1", "--method", "proxyanno"), ["unknown method 'proxyanno'",
         "did you mean 'proxyano'?", "next: bench list methods"]),
        (("--dataset", "tinny"), ["unknown dataset 'tinny'", "did you mean 'tiny'?"]),
        (("--task", "tiny/t3"), ["unknown task 'tiny/t3'", "'tiny/t1'"]),
        (("--task", "tiny/t1", "--set", "sise=3"), ["unknown setting", "'sise'"]),
        (("--task", "tiny/t1", "--budget", "smok"), ["unknown budget", "'smoke'"]),
        (("--task", "tiny/t1", "--data-dir", "nowhere"), ["nowhere"]),
        (("--task", "tiny/t1", "--device", "cuda"), ["device 'cuda'", "available: cpu"]),
        (("--task", "tiny/t1", "--train-on", "ixi"), ["ixi", "data"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_wrong_names_are_refused_before_anything_starts(place, arguments, words):
    done = run(place, *arguments)
    one_message(done, 2, "error: ", *words)
    assert done.stdout == ""
    assert not list(place.rglob("results/runs/tiny"))


LONG = "x" * 300  # no file system takes such a name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "-m", LONG, "-t", "tiny/t1"), ["unknown method 'xxx"]),
        (("run", "-m", f"./{LONG}.py", "-t", "tiny/t1"), ["method './xxx", "does not exist"]),
        (("suite", LONG), ["unknown suite file 'xxx"]),
        (("site", LONG), ["cannot be used: File name too long"]),
        (("report", "--results", LONG), ["cannot be used: File name too long"]),
        (("cluster", "new", LONG), ["cannot be used: File name too long"]),
    ],
    ids=lambda value: " ".join(value).replace(LONG, "x"),
)
def test_names_that_are_too_long_for_any_file_are_refused_too(tmp_path, arguments, words):
    one_message(bench_here(tmp_path, *arguments), 2, "error: ", *words)


def test_without_a_data_folder_the_option_is_named(place):
    done = bench_here(place, "run", "--method", "random", "--task", "tiny/t1")
    one_message(done, 2, "--data-dir", "BENCH_DATA")


def test_missing_files_are_named_with_where_they_were_expected(place):
    for subject in ("p1", "p2", "p3", "p4"):
        (place / "data/tiny" / subject / "lesion.nii.gz").unlink()
    one_message(run(place, "--task", "tiny/t1"), 2, "{subject}/lesion.nii.gz", "tiny")


def test_absent_subjects_only_warn_and_the_table_says_so(place):
    (place / "data/tiny/p4").rename(place / "away")
    done = run(place, "--task", "tiny/t1")
    one_message(done, 0, "warning: tiny, split test: 1 of 4 subjects is absent: p4")
    assert "3 of 4" in done.stdout


def damage_truncated(folder):
    path = folder / "p2/T1.nii.gz"
    path.write_bytes(path.read_bytes()[:3000])
    return path


def damage_other_grid(folder):
    path = folder / "p2/lesion.nii.gz"
    tiny.write_volume(path, np.zeros((5, 6, 7), np.uint8))
    return path


def damage_shifted_label(folder):
    path = folder / "p2/lesion.nii.gz"
    affine = tiny.AFFINE.copy()
    affine[0, 3] += 8
    tiny.write_volume(path, np.zeros(tiny.SHAPE, np.uint8), affine)
    return path


def damage_zeros(folder):
    path = folder / "p2/T1.nii.gz"
    tiny.write_volume(path, np.zeros(tiny.SHAPE, np.float32))
    return path


def damage_nan(folder):
    path = folder / "n2/T1.nii.gz"
    tiny.write_volume(path, np.full(tiny.SHAPE, np.nan, np.float32))
    return path


@pytest.mark.parametrize(
    "damage",
    [damage_truncated, damage_other_grid, damage_shifted_label, damage_zeros, damage_nan],
)
def test_damage_fails_its_cell_and_is_named(place, damage):
    path = damage(place / "data/tiny")
    done = run(place, "--task", "tiny/t1")
    one_message(done, 1, "failed", path.name, path.parent.name, "log: ")
    (record,) = (place / "results/runs/tiny").rglob("*.json")
    content = json.loads(record.read_text())
    assert (content["status"], content["error_class"]) == ("failed", "data")


def test_a_failed_cell_is_run_again_once_the_file_is_mended(place):
    path = place / "data/tiny/p2/T1.nii.gz"
    good = path.read_bytes()
    damage_truncated(place / "data/tiny")
    assert run(place, "--task", "tiny/t1").returncode == 1
    path.write_bytes(good)
    assert run(place, "--task", "tiny/t1").returncode == 0


def test_damage_in_one_task_leaves_the_others_alone(place):
    path = place / "data/tiny/p2/T2.nii.gz"
    path.write_bytes(path.read_bytes()[:3000])
    done = run(place, "--dataset", "tiny")
    one_message(done, 1, "failed: intensity on tiny/both")
    rows = json.loads(bench_here(place, "report", "--format", "json").stdout)
    status = {row["task"]: row["status"] for row in rows}
    assert status == {"tiny/both": "failed", "tiny/t1": "done", "tiny/t1-again": "done"}


def test_a_subject_on_both_sides_is_refused(place):
    card = place / "datasets/tiny.toml"
    card.write_text(card.read_text().replace('["p1", "p2", "p3", "p4"]', '["p1", "n2"]'))
    one_message(run(place, "--task", "tiny/t1"), 2, "n2", "would be learned from")


def test_one_image_under_two_names_is_refused(place):
    twin = place / "data/tiny/p2/T1.nii.gz"
    twin.write_bytes((place / "data/tiny/n1/T1.nii.gz").read_bytes())
    one_message(run(place, "--task", "tiny/t1"), 2, "n1", "p2")


def test_an_unknown_key_in_a_card_is_named_with_the_right_one(place):
    card = place / "datasets/tiny.toml"
    card.write_text(card.read_text().replace("licence", "license"))
    one_message(run(place, "--task", "tiny/t1"), 2, "tiny.toml", "'license'", "'licence'")


def test_an_unknown_key_in_a_suite_is_named_with_the_right_one(place):
    (place / "s.toml").write_text('title="x"\n[[run]]\nmethods=["ae"]\ndataset=["tiny"]\n')
    one_message(bench_here(place, "suite", "s.toml"), 2, "run.0.methods", "'method'")
    one_message(bench_here(place, "suite", "smok"), 2, "smok", "did you mean 'smoke'")


@pytest.mark.parametrize("option", ["results", "cache"])
def test_a_folder_that_cannot_be_written_is_refused(place, option):
    (place / "file").write_text("")
    if option == "results":
        done = run(place, "--task", "tiny/t1", "--results", "file/runs")
        one_message(done, 2, "file/runs", "cannot be written", "--results DIR")
    else:
        done = run(place, "--task", "tiny/t1", BENCH_CACHE=str(place / "file/cache"))
        one_message(done, 2, "file/cache", "BENCH_CACHE")
    assert (place / "file").read_text() == ""


def test_a_full_disk_under_the_cache_is_said_and_loses_nothing(place):
    assert run(place, "--task", "tiny/t1").returncode == 0
    kept = {path: path.read_bytes() for path in (place / "results").rglob("*.json")}

    def no_large_files():
        # What a full disk does to a write, without needing one: files end at 16 kB.
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))

    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "--method", "intensity", "--budget", "smoke",
         "--task", "tiny/both", "--data-dir", "data"],
        cwd=place, env={**os.environ, "BENCH_CACHE": str(place / "small")},
        capture_output=True, text=True, check=False, preexec_fn=no_large_files,
    )  # fmt: skip
    one_message(done, 1, "cannot use the cache folder", "small")
    for path, content in kept.items():
        assert path.read_bytes() == content
    assert run(place, "--task", "tiny/both").returncode == 0


def test_options_that_would_do_nothing_are_refused(place):
    done = bench_here(place, "report", "--sensitivity", "--format", "json")
    one_message(done, 2, "--sensitivity", "markdown or latex")
    one_message(bench_here(place, "compare", "-m", "random", "-m", "ae"), 2, "no run store at")
    one_message(bench_here(place, "power", "-m", "random", "-m", "ae"), 2, "no run store at")
    one_message(bench_here(place, "power", "-m", "random"), 2, "must be given twice, not 1 time")
    one_message(bench_here(place, "rescore", "-p", "image@1"), 2, "no run store at")
    assert not (place / "results").exists()


def test_debug_shows_the_traceback(place):
    given = ("run", "--method", "intensity", "--task", "tiny/t3", "--data-dir", "data")
    done = tiny.bench(place, *given, "--debug")
    assert "Traceback" in done.stderr


def test_a_folder_named_methods_is_explained(place):
    (place / "methods").mkdir()
    (place / "methods/__init__.py").write_text("")
    done = tiny.bench(place, "list", "methods")
    one_message(done, 2, "shadows the package 'methods'", "another folder")
