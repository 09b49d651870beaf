"""`bench.compare` gives the table of ``bench compare``."""

import bench
from fakes import tiny
from fakes.here import Here


def test_the_library_compares_as_the_command_does(tmp_path, monkeypatch):
    tiny.write_card(tmp_path)
    tiny.make_volumes(tmp_path / "data")
    here = Here(monkeypatch)
    asked = ("--task", "tiny/t1", "--budget", "smoke", "--data-dir", "data", "-q")
    done = here(tmp_path, "run", "--method", "random", "--method", "intensity", *asked)
    assert done.returncode == 0, done.stderr
    printed = here(tmp_path, "compare", "--method", "intensity", "--method", "random")
    table = bench.compare("intensity", "random")
    assert bench.render_table(table).strip() == printed.stdout.strip()
    assert repr(table) == bench.render_table(table)
    html = table._repr_html_()
    assert html.count("<table") == 1
    assert all(column.head in html for column in table.columns)
    assert "<b>intensity against random</b>" in html
