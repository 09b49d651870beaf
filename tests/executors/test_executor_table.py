from importlib.metadata import EntryPoint

import pytest

from bench.errors import RunError, UnknownName
from bench.executors import table
from bench.executors.local import LocalExecutor
from fakes import tiny


def test_the_local_executor_has_a_name():
    assert "local" in table.executor_names()
    assert table.load_executor("local") is LocalExecutor


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match="unknown executor 'locl'; did you mean 'local'"):
        table.load_executor("locl")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_command_line_refuses_it_before_anything_is_read(tmp_path, command):
    asked = ("-m", "intensity", "-t", "mslub/t1", "--executor", "slurmm", "--data-dir", "nowhere")
    done = tiny.bench(tmp_path, command, *asked)
    assert done.returncode == 2
    assert "unknown executor 'slurmm'" in done.stderr
    others = ", ".join(sorted(set(table.BUILT_IN) - {"slurm"}))
    assert f"did you mean 'slurm'? allowed: slurm, {others}" in done.stderr
    assert not (tmp_path / "results").exists()


def installed(monkeypatch, name, value):
    entry = EntryPoint(name, value, table.GROUP)
    monkeypatch.setattr(table, "entry_points", lambda group: [entry])


def test_an_installed_package_adds_an_executor(monkeypatch):
    installed(monkeypatch, "mine", "fakes.executors:Silent")
    from fakes.executors import Silent

    assert table.executor_names() == sorted(["mine", *table.BUILT_IN])
    assert table.load_executor("mine") is Silent


def test_a_package_does_not_replace_a_name_of_bench(monkeypatch):
    installed(monkeypatch, "local", "fakes.executors:Silent")
    assert table.load_executor("local") is LocalExecutor


def test_one_that_cannot_be_imported_is_named(monkeypatch):
    installed(monkeypatch, "mine", "not_there.anywhere:Silent")
    with pytest.raises(RunError, match=r"executor 'mine' .*not_there"):
        table.load_executor("mine")
