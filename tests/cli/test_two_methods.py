"""``bench compare`` and ``bench power`` print their tables in the form that is asked for."""

import pytest

from fakes.here import bench_here
from fakes.report_samples import record
from fakes.sites import named, write_store


@pytest.mark.parametrize("command", ["compare", "power"])
def test_tables_of_two_methods_have_the_form_that_is_asked_for(tmp_path, command):
    measured = (("one", 0.0311, 1), ("other", 0.0295, 2))
    made = [record(name, value, drawn=at, test=30, task="own/t1") for name, value, at in measured]
    write_store(tmp_path / "runs", [named(one) for one in made])
    asked = (command, "-m", "one", "-m", "other", "-p", "pixel-pooled@1", "--results", "runs")
    latex = bench_here(tmp_path, *asked, "-f", "latex")
    assert latex.returncode == 0, latex.stderr
    assert r"\begin{tabular}" in latex.stdout
    markdown = bench_here(tmp_path, *asked, "--format", "markdown")
    assert "| own/t1 |" in markdown.stdout
    assert markdown.stdout.strip() == bench_here(tmp_path, *asked).stdout.strip()
