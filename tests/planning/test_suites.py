"""Suite files: found by path or name, each run checked."""

import pytest

from bench.errors import CardError, UnknownName, UsageError
from bench.planning.suite import find_suite, read_suite, shipped_suites

TWO = """
title = "Two runs"
[[run]]
method = ["random", "constant"]
task = ["phantom/ms-t1"]
budget = "smoke"
seeds = 2
yardsticks = false
[[run]]
method = ["gaussian"]
dataset = ["phantom"]
"""


def test_each_run_of_a_suite_is_a_request(tmp_path):
    (tmp_path / "two.toml").write_text(TWO)
    suite, (first, second) = read_suite(find_suite(str(tmp_path / "two.toml")))
    assert suite.title == "Two runs"
    assert [one.card.name for one in first.methods] == ["random", "constant"]
    assert ([one.name for one in first.tasks], first.budget.name, first.seeds) == (
        ["phantom/ms-t1"], "smoke", 2,
    )  # fmt: skip
    assert {one.name.partition("/")[0] for one in second.tasks} == {"phantom"}
    assert len(second.tasks) > 1
    assert second.budget.name == "quick"
    assert {one.card.name for one in second.methods_for(second.tasks[0])} > {"gaussian"}


def test_a_shipped_suite_is_found_by_name_and_a_file_of_that_name_comes_first(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert find_suite("smoke") == shipped_suites()["smoke"]
    (tmp_path / "smoke").write_text(TWO)
    assert find_suite("smoke").resolve() == tmp_path / "smoke"
    with pytest.raises(UnknownName, match="unknown suite file 'smok'; did you mean 'smoke'"):
        find_suite("smok")
    with pytest.raises(UnknownName):
        find_suite("x" * 5000)


def test_a_suite_is_read_whole_or_refused(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(TWO.replace('["gaussian"]', '["randm"]'))
    with pytest.raises(UnknownName, match="unknown method 'randm'"):
        read_suite(path)
    path.write_text(TWO.replace('"quick"', "").replace("seeds = 2", "seeds = 0"))
    with pytest.raises(UsageError):
        read_suite(path)
    path.write_text('title = "none"\nrun = []\n')
    with pytest.raises(CardError):
        read_suite(path)
    path.write_text(TWO.replace("yardsticks", "yardstick"))
    with pytest.raises(CardError, match="yardstick"):
        read_suite(path)
