"""Commands as a user types them, on the tiny data set."""

import json
import os
import re

import pytest

from fakes import tiny
from fakes.here import bench_here

RUN = ("run", "--method", "random", "--method", "intensity", "--budget", "smoke")


@pytest.fixture(scope="module")
def place(tmp_path_factory, session_cache):
    """A folder with data, a card and a finished run."""
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    os.environ["BENCH_CACHE"] = str(session_cache)
    done = bench_here(folder, *RUN, "--task", "tiny/t1", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_a_run_prints_its_table_on_stdout_and_all_else_on_stderr(place):
    out, err = (place / "stdout").read_text(), (place / "stderr").read_text()
    assert "Tiny T1" in out
    assert "random" in out
    assert "intensity" in out
    assert "Chance level" in out
    assert "records: results/runs" in err
    assert "next: bench report" in err
    assert re.search(r"\[2/2\] .* done in \d+ s", err)


def test_lines_of_a_run_have_the_time_and_quiet_leaves_tables_only(place):
    err = (place / "stderr").read_text()
    for words in ("looking for files", "importing", "preparing subjects 0 of ", "AP "):
        assert re.search(rf"^\d\d:\d\d:\d\d .*{words}", err, re.MULTILINE), words
    given = (*RUN, "--task", "tiny/t1", "--data-dir", "data", "--results", "quiet")
    done = bench_here(place, *given, "-q")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "Tiny T1" in done.stdout
    done = bench_here(place, *given, "--force", "-v")
    assert "random on tiny/t1, seed 0: started" in done.stderr
    assert "random on tiny/t1, seed 0: predict" in done.stderr


def test_a_second_run_does_nothing(place):
    paths = sorted((place / "results").rglob("*.json"))
    stamps = [path.stat().st_mtime_ns for path in paths]
    again = bench_here(place, *RUN, "--task", "tiny/t1", "--data-dir", "data")
    assert again.returncode == 0
    assert "2 of 2 cells are done already" in again.stderr
    assert again.stdout == (place / "stdout").read_text()
    assert [path.stat().st_mtime_ns for path in paths] == stamps


def test_environment_variables_stand_in_for_options(place):
    done = bench_here(place, *RUN, "--task", "tiny/t1", BENCH_DATA="data", BENCH_RESULTS="other")
    assert done.returncode == 0, done.stderr
    assert len(list((place / "other/tiny/t1").rglob("*.json"))) == 2
    assert not list((place / "other").rglob("*.partial"))


def test_plan_tells_what_is_there_and_what_is_not(place):
    arguments = [one for one in RUN if one != "run"]
    made = bench_here(
        place, "plan", *arguments, "--dataset", "tiny", "--data-dir", "data", "--json"
    )
    content = json.loads(made.stdout)
    states = {(one["task"], one["method"]): one["state"] for one in content["cells"]}
    assert states["tiny/t1", "random"] == "done"
    assert states["tiny/both", "random"] == "missing"
    assert content["disk_bytes"] > 0
    assert content["new_fits"] == 2  # tiny/t1-again shares its fits with tiny/t1
    text = bench_here(place, "plan", *arguments, "--task", "tiny/t1", "--data-dir", "data").stdout
    assert "2 cells: 2 done; 0 to run, 0 fits to train" in text
    (learned,) = {(one["train_subjects"], one["train_images"]) for one in content["cells"][:1]}
    assert f"tiny/t1: trained on 3 subjects, {learned[1]} images of tiny\n" in text
    assert learned[1] > 10


@pytest.mark.parametrize("kind", ["methods", "datasets", "tasks", "protocols", "budgets", "rows"])
def test_list_is_an_array_of_objects_with_names(place, kind):
    listed = json.loads(bench_here(place, "list", kind, "--json").stdout)
    assert all(one["name"] for one in listed)
    text = bench_here(place, "list", kind).stdout
    for one in listed:
        assert one["name"] in text


def test_a_card_in_the_working_directory_is_listed(place):
    names = [one["name"] for one in json.loads(bench_here(place, "list", "tasks", "--json").stdout)]
    assert "tiny/t1" in names
    assert "phantom/ms-t1" in names


def test_json_report_has_the_keys_of_the_contract(place):
    rows = json.loads(bench_here(place, "report", "--format", "json").stdout)
    keys = (
        "task method config train_on budget seeds protocol metric value sd low high prevalence "
        "subjects status cost train_subjects train_images learned"
    )
    assert {tuple(sorted(row)) for row in rows} == {tuple(sorted(keys.split()))}
    assert {row["protocol"] for row in rows} >= {"pixel-pooled@1", "image@1", "image-mean@1"}
    assert {row["task"] for row in rows} == {"tiny/t1"}
    assert all(0 <= row["value"] <= 1 for row in rows)
    only = json.loads(
        bench_here(place, "report", "--format", "json", "--protocol", "image@1").stdout
    )
    assert {row["protocol"] for row in only} == {"image@1"}


@pytest.mark.parametrize("form", ["markdown", "latex", "csv", "json"])
def test_reports_are_the_same_bytes_every_time(place, form):
    first = bench_here(place, "report", "--format", form, PYTHONHASHSEED="1").stdout
    second = bench_here(place, "report", "--format", form, PYTHONHASHSEED="2", LC_ALL="C").stdout
    assert first == second
    assert "random" in first


def test_a_report_goes_to_a_file(place):
    done = bench_here(place, "report", "--format", "latex", "--out", "sub/table.tex")
    assert done.returncode == 0
    assert done.stdout == ""
    assert r"\begin{tabular}" in (place / "sub/table.tex").read_text()


def test_published_rows_show_the_command_that_would_run_them(place):
    text = bench_here(place, "report", "--rows", "published").stdout
    for title in ("MSLUB T1", "BraTS-GLI T1", "BraTS-GLI T2", "Retinal OCT"):
        assert title in text
    assert "3.32" in text
    assert "bench run" in text


def test_rescore_adds_a_protocol_without_training(place):
    before = json.loads(bench_here(place, "report", "--format", "json").stdout)
    assert "pixel-whole@1" not in {row["protocol"] for row in before}
    done = bench_here(place, "rescore", "--protocol", "pixel-whole")
    assert done.returncode == 0, done.stderr
    assert "2 cells rescored with pixel-whole@1" in done.stderr
    after = json.loads(bench_here(place, "report", "--format", "json").stdout)
    assert [row for row in after if row["protocol"] != "pixel-whole@1"] == before
    whole = [row for row in after if row["protocol"] == "pixel-whole@1"]
    assert {row["metric"] for row in whole} == {"ap", "auroc"}
    pooled = next(row for row in before if row["protocol"] == "pixel-pooled@1")
    assert whole[0]["prevalence"] < pooled["prevalence"]


def test_records_that_cannot_be_read_are_named_and_harm_nothing(place):
    path = place / "results/runs/tiny/t1/random/broken.json"
    path.write_text("{")
    try:
        done = bench_here(place, "report", "--format", "json")
        assert done.returncode == 0
        assert "broken.json is left out" in done.stderr
        assert len({row["method"] for row in json.loads(done.stdout)}) == 2
    finally:
        path.unlink()


def test_a_suite_file_runs_and_writes_its_report(place):
    (place / "my.toml").write_text(
        'title = "Mine"\n[[run]]\nmethod = ["intensity"]\ntask = ["tiny/t1-again"]\n'
        'budget = "smoke"\n'
    )
    done = bench_here(place, "suite", "my.toml", "--data-dir", "data")
    assert done.returncode == 0, done.stderr
    assert "report: results/runs/report.md" in done.stderr
    text = (place / "results/runs/report.md").read_text()
    assert "Tiny T1, another name" in text
    assert "MSLUB T1" not in text, "rows of which nothing was run are not shown unasked"


def test_data_list_check_and_show(place):
    assert "tiny" in bench_here(place, "data", "list", "--data-dir", "data").stdout
    check = bench_here(place, "data", "check", "tiny", "--data-dir", "data")
    assert check.returncode == 0, check.stdout + check.stderr
    assert "tiny: errors: 0" in check.stdout
    shown = bench_here(place, "data", "show", "tiny", "--data-dir", "data", "--out", "tiny.png")
    assert shown.returncode == 0, shown.stderr
    assert (place / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_doctor_names_each_problem_and_a_broken_card_hides_none(tmp_path):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "broken.toml").write_text("name = ")
    (tmp_path / "cache").write_text("a file, where a folder should be")
    done = bench_here(
        tmp_path, "doctor", "--data-dir", "nowhere", BENCH_CACHE=str(tmp_path / "cache")
    )
    assert done.returncode == 1
    wrong = [line for line in done.stdout.splitlines() if line.startswith("wrong: ")]
    assert ["broken.toml" in wrong[0], "cache" in wrong[1], "nowhere" in wrong[2]] == [True] * 3
    assert done.stdout.splitlines()[-1] == "3 problems found"
    assert "Traceback" not in done.stderr


def test_doctor_finds_a_sound_machine_and_an_absent_folder(place):
    assert bench_here(place, "doctor").returncode == 0
    sick = bench_here(place, "doctor", "--data-dir", "nowhere", "--json")
    assert sick.returncode == 1
    assert "nowhere" in json.loads(sick.stdout)["faults"][0]


def test_settings_are_part_of_the_cell_and_of_the_report(place):
    methods = json.loads(bench_here(place, "list", "methods", "--json").stdout)
    assert {"random", "ae", "proxyano"} <= {one["name"] for one in methods}
    config = next(one["config"] for one in methods if one["name"] == "gaussian")
    key, value = next((k, v) for k, v in config.items() if type(v) in (int, float))
    done = bench_here(
        place, "run", "--method", "gaussian", "--set", f"{key}={value + 1}", "--task", "tiny/t1",
        "--budget", "smoke", "--data-dir", "data", "--results", "set",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(bench_here(place, "report", "--format", "json", "--results", "set").stdout)
    assert {tuple(row["config"].items()) for row in rows} == {((key, value + 1),)}
