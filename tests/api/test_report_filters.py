"""The library's reports take the filters of the command line, and records print in one line."""

import pytest

import bench
from bench import registry
from bench.errors import UnknownName, UsageError
from fakes.records import record, store

# The records here are of tasks without a card, which `bench` says each time.
pytestmark = pytest.mark.filterwarnings("ignore:.*no card here has this task:UserWarning")


@pytest.fixture
def results(tmp_path):
    """Two tasks, two methods, two budgets."""
    quick = registry.budget("quick").key_values()
    store(
        tmp_path,
        record("far", 0.25, key="k1"),
        record("near", 0.75, key="k2"),
        record("near", 0.5, task="made-up/t2", key="k3"),
        record("near", 0.6, budget="quick", budget_values=quick, key="k4"),
    )
    return tmp_path


def lines(report):
    return {(row.task, row.method, row.budget) for row in report.rows}


def test_tasks_methods_and_budgets_are_chosen(results):
    assert len(lines(bench.make_report(results))) == 4
    chosen = bench.make_report(results, task="made-up/t1", method=["near"], budget="quick")
    assert lines(chosen) == {("made-up/t1", "near", "quick")}
    (table,) = chosen.tables
    assert table.name == "made-up-t1"


def test_a_metric_heads_the_table_and_leaves_out_the_others(results):
    report = bench.make_report(results, metric="auroc", protocol="pixel-pooled@1", rows="none")
    assert {row.metric for row in report.rows if row.value is not None} == {"auroc"}
    assert "AUROC" in {one.title for one in report.tables[0].columns}
    assert "AP" not in {one.title for one in report.tables[0].columns}


def test_methods_by_tasks_in_the_order_of_the_tasks(results):
    report = bench.make_report(
        results, layout="methods-by-tasks", task=["made-up/t2", "made-up/t1"], budget="smoke"
    )
    (table,) = report.tables
    assert [one.title for one in table.columns[:3]] == ["Method", "made-up/t2", "made-up/t1"]
    assert bench.render_table(report, "csv").startswith("Method,made-up/t2,made-up/t1")
    with pytest.raises(UsageError, match="say that too"):
        bench.make_report(results, average_over="made-up/t1")


def test_published_rows_stand_where_something_of_them_was_measured(results):
    assert [one.name for one in bench.make_report(results).tables] == ["made-up-t1", "made-up-t2"]
    assert bench.make_report(results, rows="all").tables[-1].name == "published"
    assert [one.name for one in bench.make_report(results, rows="published").tables] == [
        "published"
    ]


def test_what_no_record_has_is_refused_by_pages_and_figures_too(results, tmp_path):
    for call in (
        lambda **asked: bench.make_report(results, **asked),
        lambda **asked: bench.html(tmp_path / "page.html", results, **asked),
        lambda **asked: bench.figures(tmp_path / "figures", results, **asked),
    ):
        with pytest.raises(UnknownName, match="did you mean 'near'"):
            call(method="nea")
        with pytest.raises(UnknownName, match="unknown metric 'mcc'"):
            call(metric="mcc")
    assert not (tmp_path / "page.html").exists()


def test_a_list_of_records_is_a_line_each(results):
    found = sorted(bench.load_records(results), key=lambda one: one.key)
    assert repr(found[0]) == "<Record far on made-up/t1, seed 0: done, cell k1>"
    one = bench.make_report(results, rows="none", task="made-up/t2")
    assert repr(one) == f"<Report of 1 table, {len(one.rows)} rows>"
