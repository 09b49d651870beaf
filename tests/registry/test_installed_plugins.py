"""Methods that do not come with bench: those of an installed package."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from conftest import ROOT, skip_or_fail
from fakes import tiny

ON_TINY = ("--task", "tiny/t1", "--budget", "smoke", "--data-dir", "data")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data and a card."""
    folder = tmp_path_factory.mktemp("place")
    tiny.make_volumes(folder / "data")
    tiny.write_card(folder)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder that pip installed the package into."""
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(ROOT / "tests" / "plugin", source, ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("target")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
         "--no-deps", "--no-build-isolation", "--no-index", "--target", target, source],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0 and "No module named" in done.stderr:
        skip_or_fail(f"pip cannot build here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return target


def with_package(place, package, *arguments):
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    return tiny.bench(place, *arguments, PYTHONPATH=path)


def test_an_installed_plugin_is_listed_with_what_it_is(place, package):
    listed = json.loads(with_package(place, package, "list", "methods", "--json").stdout)
    (card,) = [one for one in listed if one["name"] == "lowpass"]
    assert card["class"] == "lowpass_plugin.lowpass:LowPass"
    assert "lowpass" not in tiny.bench(place, "list", "methods").stdout
    line = next(
        line
        for line in with_package(place, package, "list", "methods").stdout.splitlines()
        if line.startswith("lowpass")
    )
    assert line.split() == ["lowpass", "classical", "low", "pixel,image", "-", "Nobody", "2026"]


def test_an_installed_plugin_passes_the_conformance_suite(place, package):
    done = with_package(place, package, "test-method", "lowpass", "--set", "width=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no contract is broken" in done.stdout


def test_an_installed_plugin_runs_in_workers_and_its_source_is_in_its_key(place, package):
    run = ("run", "--method", "lowpass", *ON_TINY, "--results", "installed")
    done = with_package(place, package, *run)
    assert done.returncode == 0, done.stderr
    assert "Low-pass" in done.stdout or "lowpass" in done.stdout
    (first,) = (place / "installed/tiny/t1/lowpass").glob("*.json")
    assert len(json.loads(first.read_text())["fingerprints"]["method"]) == 64

    helper = package / "lowpass_plugin" / "filters.py"
    text = helper.read_text()
    try:
        helper.write_text(text.replace('mode="nearest"', 'mode="reflect"'))
        plan = ("plan", *run[1:], "--json")
        (cell,) = json.loads(with_package(place, package, *plan).stdout)["cells"]
        assert cell["state"] == "stale"
        assert cell["key"] != first.stem
        report = ("report", "--format", "json", "--results", "installed")
        assert json.loads(with_package(place, package, *report).stdout) == []
        assert json.loads(with_package(place, package, *report, "--stale").stdout)
    finally:
        helper.write_text(text)
    assert "1 of 1 cell is done already" in with_package(place, package, *run).stderr


def test_the_schema_of_an_installed_plugin_is_heard(place, package):
    done = with_package(place, package, "run", "--method", "lowpass", *ON_TINY, "--set", "width=99")
    assert done.returncode == 2
    assert "width=99" in done.stderr


def test_a_plugin_that_cannot_be_imported_is_told_before_any_cell(place, package):
    module = package / "lowpass_plugin" / "lowpass.py"
    text = module.read_text()
    try:
        module.write_text(text + "\nimport a_module_that_nobody_has\n")
        done = with_package(place, package, "run", "--method", "lowpass", *ON_TINY)
        assert done.returncode == 2
        assert "a_module_that_nobody_has" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        module.write_text(text)


def test_an_entry_point_without_cards_is_named(place, package, tmp_path):
    shutil.copytree(package, tmp_path / "copy")
    (tmp_path / "copy/lowpass_plugin/lowpass.toml").unlink()
    done = with_package(place, tmp_path / "copy", "list", "methods")
    assert done.returncode == 2
    assert "'lowpass' of lowpass-plugin" in done.stderr
