"""The command that adds an extra: of whatever installed bench."""

import sys

import pytest

from bench import installed
from bench.installed import command_to_install


@pytest.fixture
def by(monkeypatch, tmp_path):
    """An environment in an empty folder whose bench a program installed."""

    def make(program):
        monkeypatch.setattr(sys, "prefix", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
        monkeypatch.setattr(installed, "_installer", lambda: program)
        return tmp_path

    return make


@pytest.mark.parametrize("program", ["pip", "", "conda"])
def test_pip_unless_another_program_is_known(by, program):
    by(program)
    assert command_to_install("formats") == "pip install 'medical-anomaly-bench[formats]'"


def test_uv_is_told_which_interpreter(by):
    python = by("uv") / "bin" / "python"
    wanted = f"uv pip install --python {python} 'medical-anomaly-bench[formats]'"
    assert command_to_install("formats") == wanted
    assert command_to_install("a,b", "plug") == f"uv pip install --python {python} 'plug[a,b]'"


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_pipx_adds_to_its_own_environment_whatever_installs_there(by, program):
    (by(program) / "pipx_metadata.json").write_text("{}")
    wanted = "pipx inject medical-anomaly-bench 'medical-anomaly-bench[formats]'"
    assert command_to_install("formats") == wanted
    assert command_to_install("x", "plug") == "pipx inject medical-anomaly-bench 'plug[x]'"


def test_who_installed_bench_is_read_from_its_own_metadata(monkeypatch):
    class Found:
        def read_text(self, name):
            return {"INSTALLER": "uv\n"}.get(name)

    monkeypatch.setattr(installed, "distribution", lambda _: Found())
    assert installed._installer() == "uv"
