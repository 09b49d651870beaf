"""``bench detect-limit`` from normal volumes to a table, twice."""

import re

import pytest

from bench.store.store import Store
from fakes import tiny
from fakes.here import bench_here

ASKED = ["detect-limit", "-m", "equalized", "-m", "gaussian", "--source", "tiny",
         "--budget", "smoke", "--data-dir", ".", "--results", "runs"]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    tiny.make_volumes(tmp_path)
    tiny.write_card(tmp_path)
    return tmp_path


def test_from_volumes_to_a_table_and_a_picture(folder):
    done = bench_here(folder, *ASKED, "--channel", "T2", "--out", "limit.png")
    assert done.returncode == 0, done.stderr
    assert "25 lesions of 4 to 19 mm in 1 normal volume" in done.stdout
    assert re.search(r"\| equalized \(trivial\) +\|", done.stdout)
    assert "## Tiny ellipsoids, T2: the smallest lesion found" in done.stdout
    assert (folder / "limit.png").stat().st_size > 1000
    assert (folder / "datasets" / "tiny-limit-t2-0.toml").is_file()
    records, broken = Store(folder / "runs").read_all()
    assert not broken
    assert {one.task for one in records} == {"tiny-limit-t2-0/find"}
    assert all(
        "sensitivity_at_1fp" in one.protocols["detection-limit@1"].metrics for one in records
    )

    again = bench_here(folder, *ASKED, "--channel", "T2", "--format", "latex")
    assert again.returncode == 0, again.stderr
    assert "2 of 2 cells are done already" in again.stderr
    assert r"\label{tab:tiny-limit-t2-0" in again.stdout

    other = bench_here(folder, *ASKED, "--channel", "T2", "--dark")
    assert other.returncode == 2
    assert "was made of 1 volume of split 'validation' with bright lesions" in other.stderr
    more = bench_here(folder, *ASKED, "--channel", "T2", "--volumes", "2")
    assert more.returncode == 2


def test_without_a_folder_for_the_data_set_the_command_says_so(folder):
    words = [one for one in ASKED if one not in ("--data-dir", ".")]
    done = bench_here(folder, *words)
    assert done.returncode == 2
    assert "--data-dir" in done.stderr
