"""A dataset card with a fault stops only what needs it."""

import json

import pytest
from typer.testing import CliRunner

import bench
from bench import registry
from bench.cli import app
from bench.errors import CardError
from bench.planning.request import RunArguments, check_request
from bench.store.store import Store
from fakes import tiny
from fakes.records import a_record


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with one card that can be used, and two that cannot."""
    tiny.write_card(tmp_path)
    sound = (tmp_path / "datasets/tiny.toml").read_text()
    wrong = sound.replace('name = "tiny"', 'name = "mine"').replace("version = 1", "version = 0.5")
    (tmp_path / "datasets/typed-by-me.toml").write_text(wrong)
    (tmp_path / "datasets/cut.toml").write_text("name = ")
    monkeypatch.chdir(tmp_path)
    registry.load_datasets.cache_clear()
    yield tmp_path
    registry.load_datasets.cache_clear()


def asked(**names):
    return check_request(RunArguments(method=["intensity"], budget="smoke", **names))


def invoke(*arguments):
    return CliRunner().invoke(app, [*arguments])


def test_other_datasets_go_on_and_the_broken_ones_are_named(place):
    assert asked(task=["tiny/t1"]).tasks[0].name == "tiny/t1"
    assert sorted(registry.broken_datasets()) == ["cut", "mine"]
    listed = invoke("list", "tasks")
    assert listed.exit_code == 0
    assert "tiny/t1" in listed.stdout
    assert "mine/t1" not in listed.stdout
    warnings = listed.stderr.splitlines()
    assert warnings[0].startswith("warning: dataset 'cut' cannot be used: ")
    assert "cut.toml is not valid TOML" in warnings[0]
    assert "warning: dataset 'mine' cannot be used: " in listed.stderr
    assert "version" in listed.stderr


@pytest.mark.parametrize(
    "names",
    [{"task": ["mine/t1"]}, {"dataset": ["mine"]}, {"task": ["tiny/t1"], "train_on": "mine"}],
    ids=str,
)
def test_what_needs_a_broken_card_is_refused_with_its_fault(place, names):
    with pytest.raises(CardError, match=r"typed-by-me\.toml: version"):
        asked(**names)


def test_the_list_of_datasets_has_the_broken_ones(place):
    listed = invoke("list", "datasets")
    assert listed.exit_code == 0
    (line,) = [one for one in listed.stdout.splitlines() if one.startswith("mine ")]
    assert "cannot be used" in line
    content = json.loads(invoke("list", "datasets", "--json").stdout)
    (entry,) = [one for one in content if one["name"] == "mine"]
    assert "typed-by-me.toml: version" in entry["fault"]
    assert not any("fault" in one for one in content if one["name"] == "tiny")


def test_a_card_that_takes_the_name_of_a_shipped_one_stops_only_that_one(place):
    (place / "datasets/cut.toml").write_text('name = "ixi"\nversion = 1')
    registry.load_datasets.cache_clear()
    assert "ixi" not in registry.load_datasets()
    assert "mslub" in registry.load_datasets()
    with pytest.raises(CardError, match=r"cut\.toml"):
        registry.dataset("ixi")


def test_commands_that_need_no_card_say_nothing_and_reports_go_on(place):
    assert "cannot be used" not in invoke("cache", "info").stderr
    Store(place / "runs").write_record(a_record())
    done = invoke("report", "--results", "runs")
    assert done.exit_code == 0, done.output
    assert "dataset 'mine' cannot be used" in done.stderr


def test_the_library_warns(place, monkeypatch):
    with (
        pytest.warns(UserWarning, match="dataset 'cut' cannot be used"),
        pytest.warns(UserWarning, match="dataset 'mine' cannot be used"),
    ):
        bench.plan_run("intensity", task="phantom/ms-t1", budget="smoke", results=place / "r")
