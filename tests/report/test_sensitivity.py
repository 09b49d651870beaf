from dataclasses import replace

import pytest

from bench.report import render, sensitivity_tables, summarise
from bench.report.figures.charts import sensitivity_chart
from bench.report.tables.table import Text
from bench.report.tables.task_lines import TaskLines
from bench.store.records import ProtocolNumbers
from fakes.report_samples import CARDS, record, sample_records


def numbers(value, *, degenerate=False):
    return ProtocolNumbers(
        status="done", metrics={"ap": value}, prevalence=0.02, degenerate=degenerate
    )


def table(values):
    """values: method -> protocol -> AP."""
    records = [
        record(name, protocols={protocol: numbers(one) for protocol, one in column.items()})
        for name, column in values.items()
    ]
    (made,) = sensitivity_tables(summarise(records, CARDS.datasets, CARDS.protocols), CARDS)
    return made


def test_the_headline_protocol_comes_first_and_orders_the_lines():
    made = table(
        {
            "ae": {"pixel-pooled@1": 0.02, "image@1": 0.5},
            "proxyano": {"pixel-pooled@1": 0.03, "image@1": 0.4},
        }
    )
    assert [column.title for column in made.columns] == ["Method", "pixel-pooled@1", "image@1"]
    assert made.rows == (
        (Text("proxyano"), Text("3.00 (1)"), Text("40.00 (2)")),
        (Text("ae"), Text("2.00 (2)"), Text("50.00 (1)")),
    )
    assert [note.text for note in made.notes] == [
        "image@1 reverses the order of 1 of 1 method pair relative to pixel-pooled@1, "
        "where proxyano is better than ae."
    ]


def test_ties_share_a_rank_and_flip_nothing():
    made = table(
        {
            "ae": {"pixel-pooled@1": 0.020001, "image@1": 0.5},
            "proxyano": {"pixel-pooled@1": 0.02, "image@1": 0.6},
            "gaussian": {"pixel-pooled@1": 0.01, "image@1": 0.1},
        }
    )
    assert [row[1].text for row in made.rows] == ["2.00 (1)", "2.00 (1)", "1.00 (3)"]
    assert [note.text for note in made.notes] == ["No two methods change places between protocols."]


def test_the_chart_ranks_as_the_table_does():
    values = {
        "ae": {"pixel-pooled@1": 0.020001, "image@1": 0.5},
        "proxyano": {"pixel-pooled@1": 0.02, "image@1": 0.6},
        "gaussian": {"pixel-pooled@1": 0.01, "image@1": 0.1},
    }
    records = [
        record(name, protocols={one: numbers(value) for one, value in mine.items()})
        for name, mine in values.items()
    ]
    rows = summarise(records, CARDS.datasets, CARDS.protocols)
    chart = sensitivity_chart(TaskLines("mslub/t1", rows, CARDS, None), rows)
    names = [label for _, label in chart.x.ticks]
    found = {
        (one.label.split(" ")[0], names[int(at)]): rank
        for one in chart.series
        for at, rank in one.points
    }
    assert {name: found[name, "pixel-pooled@1"] for name in values} == {
        "ae": 1,
        "proxyano": 1,
        "gaussian": 3,
    }


def test_a_method_without_a_protocol_gets_a_dash_and_no_rank():
    made = table({"ae": {"pixel-pooled@1": 0.02}, "proxyano": {"image@1": 0.4}})
    assert made.rows == (
        (Text("ae"), Text("2.00 (1)"), None),
        (Text("proxyano"), None, Text("40.00 (1)")),
    )


def test_constant_scores_are_marked_and_stay_one_line():
    records = [
        record(
            "equalized",
            protocols={
                "pixel-pooled@1": numbers(0.03),
                "image@1": numbers(0.5, degenerate=True),
            },
        )
    ]
    (made,) = sensitivity_tables(summarise(records, CARDS.datasets, CARDS.protocols), CARDS)
    assert [[cell.text for cell in row[1:]] for row in made.rows] == [["3.00 (1)", "50.00 (1) c"]]
    assert any("constant" in line for line in made.legend)


def test_constant_scores_reverse_no_order():
    """They are in no order, whatever value chance gives them: of three pairs one is left."""
    values = {
        "equalized": (numbers(0.03), numbers(0.5, degenerate=True)),
        "ae": (numbers(0.02), numbers(0.6)),
        "pca": (numbers(0.01), numbers(0.7)),
    }
    records = [
        record(name, protocols=dict(zip(("pixel-pooled@1", "image@1"), pair, strict=True)))
        for name, pair in values.items()
    ]
    (made,) = sensitivity_tables(summarise(records, CARDS.datasets, CARDS.protocols), CARDS)
    assert [note.text for note in made.notes] == [
        "image@1 reverses the order of 1 of 1 method pair relative to pixel-pooled@1, "
        "where ae is better than pca."
    ]


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_every_format_can_print_it(form):
    from bench.report import Report

    rows = summarise(sample_records(), CARDS.datasets, CARDS.protocols)
    text = render(Report(tuple(sensitivity_tables(rows, CARDS)), ()), form)
    assert "pixel-pooled" in text
    assert "proxyano" in text


def test_plain_and_smoothed_stand_side_by_side_and_the_legend_says_which():
    smoothed = CARDS.protocols["pixel-pooled@1"].model_copy(
        update={"version": 2, "smoothing": 0.04}
    )
    cards = replace(CARDS, protocols={**CARDS.protocols, smoothed.id: smoothed})
    values = {"pixel-pooled@1": 0.02, "image@1": 0.5, "pixel-pooled@2": 0.04}
    records = [record("ae", protocols={name: numbers(value) for name, value in values.items()})]
    (made,) = sensitivity_tables(summarise(records, cards.datasets, cards.protocols), cards)
    titles = [column.title for column in made.columns]
    assert titles == ["Method", "pixel-pooled@1", "pixel-pooled@2", "image@1"]
    assert made.legend == (
        "pixel-pooled@2: maps smoothed, sd 4 % of the side.",
        "pixel-pooled@1: maps not smoothed.",
    )
