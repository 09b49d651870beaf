"""The table of subjects that a card names: what is read, and what is said of odd rows."""

import pytest

from bench.cards import SubjectTable
from bench.data.find.subject_table import read_subject_table
from bench.errors import CardError, DataError

IDS = ["01", "02", "10"]


def read(folder, text, ids=IDS, encoding="utf-8", **card):
    (folder / "who.csv").write_text(text, encoding=encoding)
    content = {"file": "who.csv", "subject": "id"} | card
    return read_subject_table(folder, SubjectTable(**content), ids)


def problems(known):
    return [one.problem for one in known.findings]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_rows_by_subject_whatever_parts_the_columns(tmp_path, sign, encoding):
    text = "id,age,sex\n01,31,F\n02, 42 ,M\n10,N/A,\n".replace(",", sign)
    known = read(tmp_path, text, encoding=encoding)
    assert known.columns == ("age", "sex")
    assert known.values == {"01": {"age": "31", "sex": "F"}, "02": {"age": "42", "sex": "M"},
                            "10": {}}  # fmt: skip
    assert problems(known) == []


def test_ids_may_differ_in_leading_zeros(tmp_path):
    assert read(tmp_path, "id,age\n1,31\n002,42\n10,5\n").values["02"] == {"age": "42"}
    # Not where that would name two subjects.
    both = read(tmp_path, "id,age\n1,31\n", ids=["1", "01"])
    assert both.values == {"1": {"age": "31"}}
    assert read(tmp_path, "id,age\n001,31\n", ids=["1", "01"]).values == {}


def test_a_pattern_finds_the_id_within_a_cell(tmp_path):
    text = "id,age\nIXI01-HH-12,31\nIXI02,42\nIXI10-Guys,50\n"
    known = read(tmp_path, text, pattern="IXI{subject}-*")
    assert {*known.values} == {"01", "10"}
    assert problems(known)[0] == ("1 row whose subject is not written as 'IXI{subject}-*': IXI02")


@pytest.mark.parametrize(
    ("pattern", "cells"),
    [
        ("{subject}*", ["1_a", "12-b", "007x", "9_c"]),
        ("*{subject}", ["a_1", "b-12", "x007", "c_9"]),
        ("*{subject}*", ["a_1_a", "12-b", "x007x", "c9"]),
        ("S{subject}*", ["S1_a", "S12", "S007x", "S9"]),
    ],
)
def test_beside_a_star_the_longest_id_that_is_there_counts(tmp_path, pattern, cells):
    rows = "".join(f"{cell},{age}\n" for cell, age in zip(cells, (31, 42, 5, 6), strict=True))
    known = read(tmp_path, f"id,age\n{rows}", ids=["1", "12", "7"], pattern=pattern)
    assert {one: row["age"] for one, row in known.values.items()} == {
        "1": "31",
        "12": "42",
        "7": "5",
    }
    assert problems(known) == [f"1 row of subjects without images: {cells[-1]}"]


def test_what_is_odd_is_counted(tmp_path):
    text = "id,age\n01,31\n01,31\n02,42\n02,43\n77,5\n78,6\n,9\n"
    known = read(tmp_path, text)
    assert known.values == {"01": {"age": "31"}}  # nobody knows which row of 02 is right
    assert problems(known) == [
        "2 rows of subjects without images: 77, 78",
        "1 subject has several rows that differ, so none of them counts: 02",
        "1 subject has several equal rows: 01",
        "1 of 3 subjects has no row: 10",
    ]
    assert [one.severity for one in known.findings] == ["info", "warning", "info", "warning"]


def test_short_rows_are_read_and_empty_cells_behind_a_row_are_nothing(tmp_path):
    known = read(tmp_path, "id,age,sex\n01,31\n02,42,M,,\n")
    assert known.values == {"01": {"age": "31"}, "02": {"age": "42", "sex": "M"}}


def test_a_comma_within_a_number_moves_no_value_into_the_next_column(tmp_path):
    known = read(tmp_path, "id,age,sex\n01,3,5,M\n02,42,F\n")
    assert known.values == {"02": {"age": "42", "sex": "F"}}  # and 01 is not of sex 5
    assert problems(known)[0] == (
        "1 row with more cells than there are columns, so that none of them counts: 01"
    )
    for text in ("id;age;sex\n01;3,5;M\n", 'id,age,sex\n01,"3,5",M\n'):
        assert read(tmp_path, text).values == {"01": {"age": "3,5", "sex": "M"}}


def test_a_quote_that_does_not_end_takes_no_further_rows(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*who\.csv"):
        read(tmp_path, 'id,age\n01,"3\n02,4\n')


def test_a_letter_may_be_written_in_two_ways(tmp_path):
    """macOS parts an umlaut into a letter and dots; both look the same."""
    (tmp_path / "who.csv").write_text("id,age\nZoe\u0308,3\n", encoding="utf-8")
    card = SubjectTable(file="who.csv", subject="id")
    known = read_subject_table(tmp_path, card, ["Zo\u00eb"])
    assert known.values == {"Zo\u00eb": {"age": "3"}}


def test_a_table_that_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no column 'id'; it has 'name', 'age'"):
        read(tmp_path, "name,age\n01,31\n")
    with pytest.raises(DataError, match="several columns 'age'"):
        read(tmp_path, "id,age,age\n01,31,32\n")
    with pytest.raises(DataError, match="no column 'id'; it has none"):
        read(tmp_path, "")
    with pytest.raises(DataError, match=r"who\.csv is not UTF-8 text"):
        read(tmp_path, "id,größe\n01,2\n", encoding="latin-1")
    with pytest.raises(DataError, match="does not exist"):
        read_subject_table(tmp_path, SubjectTable(file="no.csv", subject="id"), IDS)
    with pytest.raises(CardError, match="inside the dataset's folder"):
        read_subject_table(tmp_path, SubjectTable(file="../who.csv", subject="id"), IDS)
    with pytest.raises(CardError, match="must hold"):
        read(tmp_path, "id,age\n01,3\n", pattern="IXI*")
