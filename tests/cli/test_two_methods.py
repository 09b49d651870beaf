"""``bench compare`` and ``bench power`` print their tables in the form that is asked for."""

import pytest

from fakes.here import bench_here
from fakes.report_samples import record
from fakes.sites import named, write_store


@pytest.fixture
def place(tmp_path):
    """A folder with a store of two methods on one task."""
    measured = (("one", 0.0311, 1), ("other", 0.0295, 2))
    made = [record(name, value, drawn=at, test=30, task="own/t1") for name, value, at in measured]
    write_store(tmp_path / "runs", [named(one) for one in made])
    return tmp_path


@pytest.mark.parametrize("command", ["compare", "power"])
def test_tables_of_two_methods_have_the_form_that_is_asked_for(place, command):
    asked = (command, "-m", "one", "-m", "other", "-p", "pixel-pooled@1", "--results", "runs")
    latex = bench_here(place, *asked, "-f", "latex")
    assert latex.returncode == 0, latex.stderr
    assert r"\begin{tabular}" in latex.stdout
    markdown = bench_here(place, *asked, "--format", "markdown")
    assert "| own/t1 |" in markdown.stdout
    assert markdown.stdout.strip() == bench_here(place, *asked).stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("power", "-m", "one", "-m", "other", "-t", "own/t2", "-p", "pixel-pooled@1"),
            "one and other were not both measured on own/t2; they were on: own/t1",
        ),
        (
            ("power", "-m", "one", "-m", "others"),
            "unknown method with finished cells 'others'; did you mean 'other'?",
        ),
        (
            ("export", "out.tar", "-m", "one", "-t", "own/t2"),
            "no cell of runs is chosen; it has: one on own/t1, other on own/t1",
        ),
    ],
    ids=["another task", "another method", "no cell to export"],
)
def test_what_the_store_does_not_have_is_named_with_what_it_has(place, arguments, said):
    done = bench_here(place, *arguments, "--results", "runs")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert not (place / "out.tar").exists()
