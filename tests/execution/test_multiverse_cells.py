"""Cells are computed once, and again when their predictions are new."""

import pytest

from bench.execution.multiverse import make_cell
from bench.protocol.multiverse import VERSION
from bench.store.multiverse import multiverse_path, read_multiverse
from bench.store.store import Store
from fakes import tiny
from fakes.cells import cells, run
from fakes.here import bench_here


@pytest.fixture
def data(tmp_path):
    tiny.make_volumes(tmp_path)
    return tmp_path


def test_a_cell_keeps_its_numbers_and_the_command_tells_them(data):
    store = Store(data / "runs")
    for cell in cells(data, tiny.method("Brightness"), tiny.method("Brightness", "again")):
        record = run(data, cell)
        assert make_cell(store.root, record) == multiverse_path(store, record.key).stat().st_size
    records, _ = store.read_all()
    kept = read_multiverse(store, records, VERSION)
    assert kept.lacking == ()
    for record in records:
        first = kept.by_cell[record.key].universes[0]
        headline = record.protocols["pixel-pooled@2"]
        assert first.numbers.metrics["ap"] == headline.metrics["ap"]
        assert first.numbers.resampled.metrics["ap"] == headline.resampled.metrics["ap"]
    done = bench_here(data, "multiverse", "--results", "runs", "--figures", "figures")
    assert done.returncode == 0, done.stderr
    assert "0 cells computed" in done.stderr
    assert "What the order of methods hangs on" in done.stdout
    assert (data / "figures" / "multiverse-choices.png").is_file()
    latex = bench_here(data, "multiverse", "--results", "runs", "--format", "latex")
    assert r"\label{tab:multiverse" in latex.stdout
    alone = bench_here(data, "multiverse", "--results", "runs", "--method", "again")
    assert (alone.returncode, "two methods with kept maps" in alone.stderr) == (2, True)
    page = bench_here(data, "report", "--results", "runs", "--format", "html")
    assert '<section id="multiverse">' in page.stdout


def test_without_kept_maps_the_command_says_what_to_do(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell, keep="scores")
    done = bench_here(data, "multiverse", "--results", "runs")
    assert done.returncode == 2
    assert "1 without kept maps" in done.stderr
    assert "bench run --keep maps" in done.stderr


def test_an_unknown_task_is_named(data):
    (cell,) = cells(data, tiny.method("Brightness"))
    run(data, cell)
    done = bench_here(data, "multiverse", "--results", "runs", "--task", "tiny/t9")
    assert done.returncode == 2
    assert "tiny/t1" in done.stderr
    done = bench_here(data, "multiverse", "--results", "runs", "--method", "brightnes")
    assert done.returncode == 2
    assert "did you mean 'brightness'" in done.stderr
