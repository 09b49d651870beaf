"""Tables as spreadsheets and other systems write them: read rightly, or refused in plain words."""

import unicodedata

import pytest

from bench.cards import Registration, SubjectTable, TableLayout
from bench.data.files import safe_id
from bench.data.find.class_tables import read_table
from bench.data.find.registration import registration_findings
from bench.data.find.subject_table import KnownSubjects, read_subject_table
from bench.errors import DataError, UsageError
from bench.execution.stratifying import groups_of

NFC, NFD = (unicodedata.normalize(form, "Zo\u00eb") for form in ("NFC", "NFD"))


def classes(folder, text, encoding="utf-8"):
    (folder / "t.csv").write_text(text, encoding=encoding)
    table = read_table(folder, TableLayout(file="t.csv", image="name", label="cls"))
    return {row.image: row.kind for row in table.rows.values()}


def subjects(folder, text, ids, encoding="utf-8"):
    (folder / "w.csv").write_text(text, encoding=encoding)
    return read_subject_table(folder, SubjectTable(file="w.csv", subject="id"), ids)


@pytest.mark.parametrize("header", ["name,cls,cls", "name,name,cls"])
def test_a_column_that_is_there_twice_gives_no_class(tmp_path, header):
    with pytest.raises(DataError, match="several columns") as caught:
        classes(tmp_path, f"{header}\na,0,1\n")
    assert caught.value.hint == "give each column a name of its own"
    assert classes(tmp_path, "name,cls,x,x\na,0,1,2\n") == {"a": "0"}  # others are not read


@pytest.mark.parametrize("read", [classes, lambda *one, **more: subjects(*one, ["a"], **more)])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_said_in_plain_words(tmp_path, read, encoding):
    with pytest.raises(DataError, match="is not UTF-8 text") as caught:
        read(tmp_path, "name,cls,id\na,0,a\n", encoding=encoding)
    assert caught.value.hint == "save the table as CSV in UTF-8"


def test_an_image_whose_umlaut_is_written_in_two_ways_has_one_class(tmp_path):
    assert classes(tmp_path, f"name,cls\n{NFD},1\n") == {NFC: "1"}
    with pytest.raises(DataError, match="has two classes"):
        classes(tmp_path, f"name,cls\n{NFD},1\n{NFC},0\n")


def test_columns_without_a_name_are_nothing(tmp_path):
    known = subjects(tmp_path, "id,age,,\n01,31,,\n", ["01"])
    assert (known.columns, known.values) == (("age",), {"01": {"age": "31"}})


def test_a_comma_within_a_number_is_seen_where_the_last_cells_are_empty(tmp_path):
    known = subjects(tmp_path, "id,age,sex\n01,3,5,\n02,42,F\n10,31,,,\n", ["01", "02", "10"])
    assert known.values == {"02": {"age": "42", "sex": "F"}, "10": {"age": "31"}}
    assert "1 row with more cells than there are columns" in known.findings[0].problem
    known = subjects(tmp_path, "id,age,site\n01,3,5,\n02,42,1,\n", ["01", "02"])
    assert known.values["01"] == {"age": "3", "site": "5"}  # behind every row alike
    with pytest.raises(DataError, match="1 line with more cells"):
        classes(tmp_path, "name,age,cls,x\na,3,5,0,\nb,4,1,\n")


def test_a_subject_whose_name_is_no_file_name_finds_its_row(tmp_path):
    names = ["scan 1 (2)", NFC]
    known = subjects(
        tmp_path, f"id,age\nscan 1 (2),3\n{NFD},4\n", [safe_id(one, "") for one in names]
    )
    assert [row["age"] for row in known.values.values()] == ["3", "4"]
    assert known.findings == ()


@pytest.mark.parametrize("word", ["nan", "NaN", "NA", "#N/A"])
def test_words_for_nothing_are_nothing(tmp_path, word):
    assert subjects(tmp_path, f"id,age\n01,{word}\n", ["01"]).values == {"01": {}}


def known(tmp_path, values):
    rows = {str(n): {"age": value} for n, value in enumerate(values)}
    return KnownSubjects(tmp_path / "w.csv", ("age",), rows, ()), [*rows]


def test_a_comma_that_may_part_thousands_is_refused_and_one_of_decimals_is_not(tmp_path):
    table, ids = known(tmp_path, ["1,234", "30", "40", "50", "60", "70"])
    with pytest.raises(UsageError, match=r"holds '1,234', which may be 1234 or 1\.234"):
        groups_of(table, "age", ids)
    table, ids = known(tmp_path, ["1,234", "3,5", "40", "50", "60", "70"])
    assert [*groups_of(table, "age", ids)] == ["age 1.23 to 3.5", "age 40 to 50", "age 60 to 70"]


def test_words_among_numbers_are_named(tmp_path):
    table, ids = known(tmp_path, [*map(str, range(20)), "none", "1_0"])
    with pytest.raises(UsageError, match="Not numbers: 1_0, none") as caught:
        groups_of(table, "age", ids)
    assert "`missing`" in caught.value.hint


def test_a_table_of_a_registration_that_a_spreadsheet_has_saved(tmp_path):
    versions = {"SimpleITK": "2"}
    card = Registration(source="x", steps=["affine"], brain="b", voxel_mm=2, versions=versions)
    head = "subject,dice,lesions,lesions_lost,odd,failed\n"

    def problems(text):
        (tmp_path / "registration.csv").write_text(text, encoding="utf-8-sig")
        return [one.problem for one in registration_findings(tmp_path, card)]

    assert "Dice 0.93" in problems(f"{head}a,0.93,2,0,,\n")[0]
    (said,) = problems(f"{head}a,0,93,2,0,,\nb,0.9,2,0,,\n")
    assert said.endswith("has more cells than there are columns")
