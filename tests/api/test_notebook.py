"""What a notebook shows of records and reports."""

from xml.etree import ElementTree

import pytest

import bench
from fakes.records import record, store

# The records here are of tasks without a card, which `bench` says each time.
pytestmark = pytest.mark.filterwarnings("ignore:.*no card here has this task:UserWarning")


def parsed(html):
    """The rows of tables, as the words of their cells; captions too."""
    tree = ElementTree.fromstring(f"<all>{html.replace('<br>', '<br/>')}</all>")
    rows = [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in tree.iter("tr")]
    return rows, ["".join(one.itertext()) for one in tree.iter("caption")]


def test_a_record_shows_what_it_is_and_its_numbers():
    made = record("far", 0.25, seed=3, config={"size": 7}, trained_on={"subjects": 4, "images": 90})
    rows, captions = parsed(made._repr_html_())
    assert captions == ["far on made-up/t1, seed 3: done"]
    assert ["cell", made.key[:12]] in rows
    assert ["learned from", "made-up, 4 subjects, 90 images, budget smoke"] in rows
    assert ["size", "7"] in rows
    assert rows[-4:] == [
        ["image@1", "ap", "0.2500", ""],
        ["image@1", "auroc", "0.6250", ""],
        ["pixel-pooled@1", "ap", "0.2500", ""],
        ["pixel-pooled@1", "auroc", "0.6250", ""],
    ]


def test_a_record_shows_intervals_and_why_there_is_no_number():
    one = record("far", 0.5)
    content = one.model_dump()
    content["protocols"]["image@1"]["intervals"] = {"ap": {"low": 0.4, "high": 0.65}}
    content["protocols"]["pixel-pooled@1"] = {"status": "not applicable", "reason": "no <labels>"}
    rows, _ = parsed(type(one).model_validate(content)._repr_html_())
    assert ["image@1", "ap", "0.5000", "0.4000 to 0.6500"] in rows
    assert rows[-1] == ["pixel-pooled@1", "no <labels>"]
    rows, captions = parsed(record("far", None)._repr_html_())
    assert captions == ["far on made-up/t1, seed 0: failed"]
    assert rows[-1] == ["reason", "the loss is a teapot"]


def test_words_of_records_and_reports_are_escaped(tmp_path):
    odd = record("<script>x", None, reason="<img src=y>", key="k1")
    html = odd._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;img src=y&gt;" in html
    store(tmp_path, odd)
    html = bench.make_report(tmp_path)._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_a_report_shows_its_tables(tmp_path):
    store(tmp_path, record("far", 0.25), record("near", 0.75))
    made = bench.make_report(tmp_path, protocol="pixel-pooled@1", rows="measured")
    html = made._repr_html_()
    rows, captions = parsed(html)
    assert len(captions) == len(made.tables)
    first = made.tables[0]
    assert captions[0].startswith(first.title)
    assert rows[0] == [column.head for column in first.columns]
    by_name = {row[0]: row for row in rows}
    assert "75.00" in " ".join(by_name["near"])
    assert "25.00" in " ".join(by_name["far"])
    assert "<b>75.00</b>" in html
    assert "<u>25.00</u>" in html
    assert "Bold: best of its column; underlined: second." in html


def test_a_report_without_tables_says_so():
    from bench.report import Report

    assert "nothing was measured" in Report((), ())._repr_html_()
