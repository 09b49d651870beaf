"""What a method has learned stands in every format; who has not is marked."""

import csv
import io
import json

import pytest

from bench.report import build_report, render, summarise
from bench.report.html import to_html
from bench.report.html.content import make_content
from bench.report.tables.methods_by_tasks import methods_by_tasks
from bench.report.tables.table import DASH
from bench.store.records import Learning
from fakes.report_samples import CARDS, record


def learning(error, constant=0.2, mean=0.1):
    return Learning(images=9, error=error, constant_error=constant, mean_image_error=mean)


RECORDS = [
    record("ae", 0.03, learning=learning(0.05)),
    record("pca", 0.02, learning=learning(0.15)),
    record("random", 0.01),
]


def text(format, records=RECORDS):
    return render(build_report(records, CARDS), format)


@pytest.mark.parametrize("format", ["markdown", "latex"])
def test_tables_mark_the_line_and_state_the_ratio(format):
    found = text(format)
    assert "pca (not yet trained)" in found
    assert "ae (not yet trained)" not in found
    said = "pca (not yet trained): its error on normal validation images is 1.50 times that of the"
    assert said in found.replace("\\", "")


@pytest.mark.parametrize(
    ("errors", "label"),
    [
        ((0.15, 0.15), "ae (not yet trained)"),
        ((0.15, 0.05), "ae (not yet trained on mslub/t1)"),
        ((0.05, 0.15), "ae (not yet trained on odd/t1)"),
        ((0.15, None), "ae (not yet trained on mslub/t1)"),
        ((0.05, 0.05), "ae"),
    ],
)
def test_of_methods_by_tasks_the_line_names_where_it_has_not_learned(errors, label):
    """Whichever task comes last; of a task without validation images nothing is known."""
    places = (("mslub/t1", "ixi"), ("odd/t1", "odd"))  # each learned from its card's source
    records = [
        record("ae", 0.03, task=task, train_on=source, learning=error and learning(error))
        for (task, source), error in zip(places, errors, strict=True)
    ]
    rows = summarise(records, CARDS.datasets, CARDS.protocols)
    (method, chance) = [row[0].text for row in methods_by_tasks(rows, CARDS).rows]
    assert (method, chance) == (label, "chance")


def test_the_page_marks_the_line():
    page = to_html(make_content(RECORDS, build_report(RECORDS, CARDS).rows, CARDS))
    assert "pca (not yet trained)" in page
    assert "ae (not yet trained)" not in page


def test_a_column_has_the_ratios():
    lines = [[one.strip() for one in line.split("|")] for line in text("markdown").splitlines()]
    at = next(line.index("Error ratio") for line in lines if "Error ratio" in line)
    ratios = {line[1]: line[at] for line in lines if len(line) > at}
    assert ratios["ae"] == "0.50"
    assert ratios["pca (not yet trained)"] == "1.50"
    assert ratios["random (trivial)"] == DASH
    assert "From 1 upwards the line is marked as not yet trained" in text("markdown")


def test_no_column_where_nothing_is_known():
    assert "Error ratio" not in text("markdown", [record("ae", 0.03), record("pca", 0.02)])


def test_json_and_csv_have_both_ratios():
    rows = {row["method"]: row["learned"] for row in json.loads(text("json"))}
    assert rows["random"] is None
    assert rows["ae"] == {
        "error_to_constant": pytest.approx(0.25),
        "error_to_mean_image": pytest.approx(0.5),
        "trained": True,
    }
    assert rows["pca"]["trained"] is False
    lines = {row["method"]: row for row in csv.DictReader(io.StringIO(text("csv")))}
    assert float(lines["pca"]["error_to_constant"]) == pytest.approx(0.75)
    assert float(lines["pca"]["error_to_mean_image"]) == pytest.approx(1.5)
    assert (lines["pca"]["trained"], lines["random"]["trained"]) == ("False", "")


def test_one_untrained_seed_marks_the_line_whose_ratio_is_the_mean():
    records = [
        record("ae", 0.03, seed=seed, learning=learning(error))
        for seed, error in enumerate([0.05, 0.1])
    ]
    rows = summarise(records, CARDS.datasets, CARDS.protocols)
    assert {row.untrained for row in rows} == {True}
    assert rows[0].error_ratio == pytest.approx((0.5 + 1.0) / 2)


def test_at_exactly_one_the_line_is_marked():
    found = text("markdown", [record("ae", 0.03, learning=learning(0.1)), record("random", 0.01)])
    assert "ae (not yet trained): its error on normal validation images is 1.00 times" in found


@pytest.mark.parametrize("errors", [(0.0, 0.0, 0.0), (0.03, 0.0, 0.1), (0.03, 0.1, 0.0)])
def test_constant_images_give_no_ratio_and_no_training(errors):
    """The smaller of the two is 0, whatever the other is: 0.03 of 0.1 would look like learning."""
    found = summarise(
        [record("ae", 0.03, learning=learning(*errors))], CARDS.datasets, CARDS.protocols
    )
    assert found[0].error_ratio is None
    assert found[0].untrained
