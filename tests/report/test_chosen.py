"""Filters, and which published rows a report has."""

import csv
import io
import json

import pytest

from bench.errors import UnknownName, UsageError
from bench.report import build_report, render
from bench.report.rows.chosen import Chosen
from bench.report.tables.table import Number
from fakes.report_samples import CARDS, ROWS, numbers, record


def store():
    return [
        record("ae", 0.03),
        record("random", 0.02),
        record("gaussian", 0.04, budget="paper"),
        record("ae", 0.2, task="odd/t1", train_on="odd", test=5, expected=5),
    ]


def report(chosen, records=None, **options):
    records = records or store()
    chosen.check(records, CARDS, options.get("protocol"))
    return build_report(
        chosen.records(records), chosen.cards(CARDS), chosen.published(ROWS), **options
    )


def lines(made):
    return {(one.task, one.method, one.budget) for one in made.rows}


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        (Chosen(tasks=["odd/t1"]), {("odd/t1", "ae", "quick")}),
        (Chosen(methods=["ae"]), {("odd/t1", "ae", "quick"), ("mslub/t1", "ae", "quick")}),
        (Chosen(budgets=["paper"]), {("mslub/t1", "gaussian", "paper")}),
        (Chosen(tasks=["mslub/t1"], methods=["ae", "random"], budgets=["quick"]),
         {("mslub/t1", "ae", "quick"), ("mslub/t1", "random", "quick")}),
    ],
)  # fmt: skip
def test_filters_keep_what_was_asked_for(chosen, kept):
    assert lines(report(chosen)) == kept


def test_a_metric_is_the_only_one_and_orders_the_table():
    records = [record("ae", 0.03, auroc=0.6), record("random", 0.02, auroc=0.7)]
    made = report(Chosen(metrics=["auroc"]), records)
    assert {one.metric for one in made.rows} == {"auroc"}
    (table,) = made.tables
    assert [column.title for column in table.columns[:2]] == ["Method", "AUROC"]
    assert [row[0].text for row in table.rows] == ["random (trivial)", "ae"]
    text = render(made, "markdown")
    assert "AP %" not in text
    made = report(Chosen(metrics=["ap"]), records)
    assert "AUROC" not in render(made, "markdown")


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (Chosen(tasks=["mslub/t2"]), "unknown task of this store: 'mslub/t2'; did you mean"),
        (Chosen(methods=["aee"]), "did you mean 'ae'?"),
        (Chosen(budgets=["papr"]), "did you mean 'paper'?"),
        (Chosen(metrics=["auroq"]), "did you mean 'auroc'?"),
    ],
)
def test_unknown_names_say_what_there_is(chosen, words):
    with pytest.raises(UnknownName) as caught:
        report(chosen)
    assert words in str(caught.value)


def test_a_metric_that_the_protocol_lacks_is_refused():
    with pytest.raises(UsageError, match=r"pixel-pooled@1, by which mslub/t1 is reported, has no"):
        report(Chosen(metrics=["fpr_at_tpr"]))


def test_a_chosen_method_is_not_told_to_need_a_trivial_one():
    assert "no trivial method" not in render(report(Chosen(methods=["gaussian"])), "markdown")


def published(made):
    return [title for table in made.tables if table.name == "published" for title in
            table.blocks.values()]  # fmt: skip


def test_published_rows_appear_when_something_of_them_was_measured_or_they_are_asked_for():
    records = [record("proxyano", 0.02)]
    assert published(build_report(records, CARDS, ROWS)) == ["MSLUB T1, AP"]
    every = build_report(records, CARDS, ROWS, which="all")
    assert published(every) == ["MSLUB T1, AP", "Retinal OCT, AUROC"]
    assert published(build_report(records, CARDS, ROWS, which="none")) == []
    elsewhere = [record("ae", 0.2, task="odd/t1", train_on="odd")]
    assert published(build_report(elsewhere, CARDS, ROWS)) == []


def test_commands_stand_below_the_table_not_in_its_cells():
    made = build_report([record("proxyano", 0.02)], CARDS, ROWS)
    table = next(one for one in made.tables if one.name == "published")
    assert not any(getattr(cell, "command", "") for row in table.rows for cell in row)
    (note,) = [one for one in table.notes if one.command]
    assert note.text == "MSLUB T1, not run:"
    assert note.command == "bench run --method never-run --task mslub/t1 --budget paper"
    latex = render(made, "latex")
    assert "% MSLUB T1, not run: bench run --method never-run" in latex
    assert not [line for line in latex.splitlines() if "bench run" in line and line[0] != "%"]


def across(records, **options):
    return build_report(records, CARDS, which="none", layout="methods-by-tasks", **options)


def both():
    """Two tasks of one metric; `gaussian` lacks the second."""
    own = {"task": "odd/t1", "train_on": "odd", "test": 5, "expected": 5}
    return [
        *(record("ae", value, seed=at) for at, value in enumerate((0.02, 0.04))),
        *(record("ae", value, seed=at, **own) for at, value in enumerate((0.10, 0.18))),
        record("gaussian", 0.05),
        record("random", 0.0187),
        record("random", 0.02, **own),
    ]


def test_methods_go_down_and_tasks_across_with_their_average_and_chance():
    (table,) = across(both()).tables
    assert [column.title for column in table.columns] == ["Method", "mslub/t1", "odd/t1", "Average"]
    named = {row[0].text: row[1:] for row in table.rows}
    assert list(named) == ["ae", "random (trivial)", "gaussian", "chance"]
    ae = named["ae"]
    assert [cell.value for cell in ae] == pytest.approx([0.03, 0.14, 0.085])
    assert ae[2].sd == pytest.approx(0.03535534)  # of the seeds' means, 0.06 and 0.11
    assert named["gaussian"][1:] == (None, None)
    assert [cell.value for cell in named["chance"]] == pytest.approx([0.0187] * 3)
    ranks = {name: [getattr(one, "rank", 0) for one in row] for name, row in named.items()}
    assert ranks == {"ae": [2, 1, 1], "random (trivial)": [0, 2, 2], "gaussian": [1, 0, 0],
                     "chance": [0, 0, 0]}  # fmt: skip
    assert "Average: over 2 tasks: mslub/t1, odd/t1." in table.caption
    assert "trained on 64 subjects, 3,495 images of ixi; on 64" in table.caption.lower()
    assert "Test subjects: mslub/t1 2 of 30; odd/t1 5." in table.caption


def test_the_average_is_over_the_stated_tasks_in_the_stated_order():
    (table,) = across(both(), tasks=["odd/t1", "mslub/t1"], average_over=["odd/t1"]).tables
    assert [column.title for column in table.columns] == ["Method", "odd/t1", "mslub/t1"]
    with pytest.raises(UnknownName, match="unknown task of this table: 'x/y'"):
        across(both(), average_over=["x/y"])


def test_unlike_numbers_are_not_averaged():
    records = [*both(), record("ae", 0.5, task="odd/image", train_on="odd")]
    (table,) = across(records).tables
    assert "Average" not in [column.title for column in table.columns]
    assert [column.title for column in table.columns][1:] == [
        "mslub/t1 AP",
        "odd/image AUROC",
        "odd/t1 AP",
    ]
    assert any("judged by different numbers" in note.text for note in table.notes)
    with pytest.raises(UsageError, match="an average over ap, auroc says nothing"):
        across(records, average_over=["odd/t1", "odd/image"])
    (table,) = across(records, average_over=["odd/t1", "mslub/t1"]).tables
    assert "Average: over 2 tasks: odd/t1, mslub/t1." in table.caption


def test_sources_and_constant_scores_do_not_mix_with_the_others():
    constant = {"pixel-pooled@1": numbers(0.9, degenerate=True)}
    records = [*both(), record("ae", 0.9, train_on="odd"), record("pca", protocols=constant)]
    (table,) = across(records).tables
    named = {row[0].text: row[1] for row in table.rows}
    assert named["ae (trained on odd)"].value == 0.9
    assert named["pca"].rank == 0
    assert isinstance(named["ae"], Number)


def test_a_number_is_marked_though_another_of_the_line_is_constant():
    constant = {"pixel-pooled@1": numbers(0.9, degenerate=True)}
    best = record("pca", 0.8, task="odd/t1", train_on="odd")
    (table,) = across([*both(), record("pca", protocols=constant), best]).tables
    ranks = dict(
        zip(
            [column.title for column in table.columns],
            [
                getattr(cell, "rank", None)
                for row in table.rows
                if row[0].text == "pca"
                for cell in row
            ],
            strict=True,
        )
    )
    assert ranks == {"Method": None, "mslub/t1": 0, "odd/t1": 1, "Average": 0}


def test_the_wide_table_is_csv_too_with_fractions_and_spread():
    rows = list(csv.DictReader(io.StringIO(render(across(both()), "csv"))))
    assert [*rows[0]] == ["Method", "mslub/t1", "mslub/t1 sd", "odd/t1", "odd/t1 sd", "Average",
                          "Average sd"]  # fmt: skip
    first = rows[0]
    assert (first["Method"], float(first["odd/t1"])) == ("ae", pytest.approx(0.14))
    assert rows[2]["odd/t1"] == ""
    assert "**14.00" in render(across(both()), "markdown")
    assert r"\bfseries 14.00" in render(across(both()), "latex")


def test_rows_for_programs_say_what_was_learned_from():
    row = json.loads(render(build_report([record("ae", 0.02)], CARDS), "json"))[0]
    assert (row["train_subjects"], row["train_images"]) == (64, 3495)
    old = record("ae", 0.02, trained_on=None)
    row = json.loads(render(build_report([old], CARDS), "json"))[0]
    assert (row["train_subjects"], row["train_images"]) == (1, None)
