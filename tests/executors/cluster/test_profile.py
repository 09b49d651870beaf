"""Profiles as users write them."""

import tomllib

import pytest

from bench.errors import CardError, UsageError
from bench.executors.cluster.profile import EXAMPLE, Profile, read_profile


def test_without_a_file_all_is_as_the_cluster_has_it():
    assert read_profile(None) == Profile()


def test_every_line_of_the_example_is_a_key_with_a_value_that_passes(tmp_path):
    lines = EXAMPLE.format(name="lab.toml").splitlines()
    code = [line.removeprefix("# ") for line in lines if " = " in line or line == "# [parameters]"]
    path = tmp_path / "lab.toml"
    path.write_text("\n".join(code))
    profile = read_profile(path)
    told = set(tomllib.loads("\n".join(code)))
    assert told == set(Profile.model_fields) - {"poll_seconds"}
    assert profile.setup == ["module load cuda"]


def test_the_examples_defaults_are_the_defaults():
    lines = [line.removeprefix("# ") for line in EXAMPLE.splitlines() if line.startswith("# ")]
    for name in ("gpus", "cpus", "memory_gb", "time_minutes", "signal_seconds", "requeues",
                 "cells_per_job", "jobs_at_once", "prepare"):  # fmt: skip
        (line,) = [one for one in lines if one.startswith(f"{name} = ")]
        assert tomllib.loads(line)[name] == Profile.model_fields[name].default


def test_the_example_itself_is_a_profile(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(EXAMPLE.format(name=path))
    assert read_profile(path) == Profile()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gpu = 1", "gpu"),
        ("cpus = 0", "cpus"),
        ('prepare = "there"', "prepare"),
        ("x", "not TOML|Expected"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, line, said):
    path = tmp_path / "lab.toml"
    path.write_text(line)
    with pytest.raises(CardError, match=said):
        read_profile(path)


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(UsageError, match="there is no profile") as caught:
        read_profile(tmp_path / "lab.toml")
    assert "bench cluster new" in str(caught.value.hint)
