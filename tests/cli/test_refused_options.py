"""Options that contradict each other, and names that cannot be: refused before anything is read."""

import pytest

from fakes import tiny
from fakes.here import bench_here


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("check --reason better", ["--reason is recorded by --update only", "next: add --update"]),
        ("new method 2nd", ["'2nd' may hold only letters, digits, - and _, a letter first"]),
        ("new method class", ["'class' is a reserved word of Python, so nothing can import it"]),
        ("new method json", ["json.py would hide the installed Python module 'json'"]),
        ("new method proxyano", ["a method named 'proxyano' already exists", "bench list methods"]),
        ("merge nowhere.tar", ["nowhere.tar does not exist"]),
        ("merge . --results .", [". is the store itself", "name another with --results DIR"]),
        (
            "plan --suite smoke --method ae",
            ["--suite says which cells to plan: leave out --method, --task and such"],
        ),
        (
            "report --sensitivity --format csv",
            ["--sensitivity is a table for people: --format markdown or latex"],
        ),
        (
            "report --sensitivity --protocol image@1",
            ["--sensitivity shows all protocols: leave out --protocol and --rows"],
        ),
        (
            "report --layout methods-by-tasks --format json",
            ["is a table of what was measured: leave out --sensitivity, --rows published"],
        ),
        ("report --average-over 2", ["is a column of --layout methods-by-tasks: say that too"]),
        (
            "report --by lesion-size --stale",
            ["--by shows current numbers: leave out --sensitivity, --stale, --layout and --rows"],
        ),
        ("plan -m random -d alone", ["dataset 'alone' has no task", "--train-on alone"]),
        ("data prepare alone --data-dir data", ["no task uses dataset 'alone'", "list tasks"]),
        (
            "plan -m random -t tiny/t1 --train-on alone",
            ["dataset 'alone' has no split named 'train', so tiny/t1 cannot learn from it"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_in_one_sentence(tmp_path, arguments, said):
    tiny.write_card(tmp_path)
    alone = tiny.CARD.replace('"tiny"', '"alone"').partition("[tasks.t1]")[0]
    (tmp_path / "datasets/alone.toml").write_text(alone.replace("[splits.train]", "[splits.all]"))
    before = sorted(tmp_path.rglob("*"))
    done = bench_here(tmp_path, *arguments.split())
    assert done.returncode == 2, (done.stdout, done.stderr)
    for words in said:
        assert words in done.stderr
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before
