"""Reports by strata: averaged over seeds, in every format, as a picture."""

import csv
import io
import json

import pytest

from bench.report import Report, render
from bench.report.figures.paper import save_charts
from bench.report.figures.strata_chart import strata_charts
from bench.report.formats.json_csv import strata_to_csv, strata_to_json
from bench.report.html import make_content, to_html
from bench.report.rows.strata import STRATUM_KEYS, stratum_rows
from bench.report.tables.strata import strata_tables
from bench.store.records import ProtocolNumbers
from bench.store.strata import StratifiedCell, Stratum
from fakes.report_samples import CARDS, numbers, record

PROTOCOL = "pixel-pooled@1"


def stratum(name, value, *, subjects=12, prevalence=0.02, **more):
    given = numbers(value, auroc=0.5 + value / 2, subjects=subjects, prevalence=prevalence, **more)
    return Stratum(name, subjects, 40 * subjects, 7, subjects - 2, given)


def cell(method, values, seed=0, **more):
    made = record(method, values[0], seed=seed, drawn=seed)
    strata = tuple(
        stratum(f"age {at}", value, drawn=seed, prevalence=0.02 + at / 100, **more)
        for at, value in enumerate(values)
    )
    return StratifiedCell(made, PROTOCOL, strata)


@pytest.fixture
def cells():
    return [
        cell("ae", [0.2, 0.4], seed=1),
        cell("ae", [0.3, 0.6]),
        cell("gaussian", [0.5, 0.1]),
        StratifiedCell(record("dae", 0.1), PROTOCOL, problem="its files are gone"),
    ]


@pytest.fixture
def rows(cells):
    return stratum_rows(cells, "age", CARDS)


def test_strata_are_averaged_over_seeds_and_keep_their_intervals(rows):
    found = {(one.stratum.name, one.row.method, one.row.metric): one.row for one in rows}
    assert found["age 0", "ae", "ap"].value == pytest.approx(0.25)
    assert found["age 1", "ae", "ap"].value == pytest.approx(0.5)
    assert found["age 1", "ae", "ap"].seeds == 2
    one = found["age 1", "gaussian", "ap"]
    assert 0 < one.low < 0.1 < one.high < 1
    assert {key[1] for key in found} == {"ae", "gaussian"}


def test_a_table_has_a_block_per_stratum_and_the_best_line_first(rows):
    (table,) = strata_tables(rows, "age", CARDS)
    assert [one.title for one in table.columns] == ["Method", "AP", "AUROC", "Chance", "Subjects"]
    assert table.blocks == {
        0: "age 0: 480 images of 12 subjects, 10 of them abnormal, 7 lesions",
        2: "age 1: 480 images of 12 subjects, 10 of them abnormal, 7 lesions",
    }
    assert [row[0].plain.partition(" ")[0] for row in table.rows] == ["ae", "gaussian"] * 2
    assert [row[3].value for row in table.rows] == pytest.approx([0.02, 0.02, 0.03, 0.03])
    assert "by column age of the dataset's table" in table.caption


def test_too_few_subjects_have_no_interval():
    rows = stratum_rows([cell("ae", [0.2], subjects=4)], "sex", CARDS)
    assert rows[0].row.value == 0.2
    assert all(one.row.low is None and one.row.high is None for one in rows)


def test_a_stratum_without_a_number_says_why():
    reason = "all 3 test cases are normal"
    none = ProtocolNumbers(status="not applicable", reason=reason)
    one = cell("ae", [0.2])
    empty = Stratum("not stated", 3, 60, 0, None, none)
    rows = stratum_rows([StratifiedCell(one.record, PROTOCOL, (*one.strata, empty))], "sex", CARDS)
    (table,) = strata_tables(rows, "sex", CARDS)
    assert table.rows[1][1:] == (None, None, None, None)
    assert [note.plain for note in table.notes] == [f"not stated: not applicable: {reason}."]
    assert table.blocks[1] == "not stated: 60 images of 3 subjects, 0 lesions"
    assert len(strata_charts(rows, [table], "sex", CARDS)) == 2


def test_every_format_has_every_number(rows):
    made = strata_tables(rows, "age", CARDS)
    for format in ("markdown", "latex"):
        text = render(Report(tuple(made), ()), format)
        assert "50.00" in text
        assert "age 1: 480 images of 12 subjects" in text
    objects = json.loads(strata_to_json(rows))
    assert [*objects[0]] == [*STRATUM_KEYS]
    told = next(
        one
        for one in objects
        if (one["method"], one["group"], one["metric"]) == ("ae", "age 1", "ap")
    )
    assert (told["value"], told["group_subjects"], told["by"]) == (pytest.approx(0.5), 12, "age")
    lines = [*csv.DictReader(io.StringIO(strata_to_csv(rows)))]
    assert len(lines) == len(objects) == 8
    assert [float(one["value"]) for one in lines] == [one["value"] for one in objects]
    assert strata_to_json([]) == "[]\n"


def test_a_chart_has_a_row_per_stratum_with_its_own_chance(rows, tmp_path):
    tables = strata_tables(rows, "age", CARDS)
    charts = strata_charts(rows, tables, "age", CARDS)
    assert [one.name for one in charts] == ["mslub-t1-by-age-ap", "mslub-t1-by-age-auroc"]
    chart = charts[0]
    assert [label for _, label in chart.y.ticks] == ["0", "1"]
    dots = {one.label: one.points for one in chart.series if one.kind == "dots"}
    assert [x for x, _ in dots["ae"]] == pytest.approx([0.25, 0.5])
    assert [round(y) for _, y in dots["ae"]] == [0, 1]
    chances = [one.points[0][0] for one in chart.series if one.kind == "chance"]
    assert chances == pytest.approx([0.02, 0.03])
    assert len(save_charts(charts, tmp_path)) == 4


def test_the_page_has_a_section_with_the_table_and_its_charts(rows):
    tables = strata_tables(rows, "age", CARDS)
    charts = strata_charts(rows, tables, "age", CARDS)
    page = to_html(make_content([], [], CARDS, strata=[(tables[0], charts)]))
    section = page.partition('<section id="mslub-t1-by-age"')[2].partition("</section>")[0]
    assert section.count("<svg") >= 2
    assert "age 1: 480 images of 12 subjects" in section
    assert "by-age" not in to_html(make_content([], [], CARDS))
