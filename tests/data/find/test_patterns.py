"""Patterns of cards: bounded in time and memory, and never outside the dataset's folder."""

import os

import pytest

from bench import registry
from bench.cards import Layout
from bench.data.find.generated import generated_root
from bench.data.find.patterns import matches
from bench.errors import CardError, DataError


def layout(**changes):
    content = {"name": "l", "title": "l", "images": {"T1": "{subject}_T1.nii.gz"}, **changes}
    return Layout.model_validate(content)


def found(root, pattern="{subject}_T1.nii.gz", **changes):
    return [(one.path.name, one.get("subject")) for one in
            matches("d", layout(**changes), pattern, root)]  # fmt: skip


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_an_ordinary_pattern_finds_files_with_and_without_brackets(tmp_path):
    touch(tmp_path / "a_T1.nii.gz")
    touch(tmp_path / "raw" / "b_T1.nii.gz")
    assert found(tmp_path, "[raw/]{subject}_T1.nii.gz", subject="[a-z]") == [
        ("b_T1.nii.gz", "b"),
        ("a_T1.nii.gz", "a"),
    ]


@pytest.mark.parametrize(
    ("pattern", "own", "expected"),
    [
        ("{class}/{image}*", {}, "ok_2 07_left.png"),
        ("{class}/{image}*", {"image": r"\d+"}, "ok_2 07"),
        ("{class}/{image}*.png", {}, "ok_2 07_left"),
        ("{class}/{image}[*].png", {}, "ok_2 07_left"),
        ("{class}/*{image}", {}, "ok_2 07_left.png"),
        ("{class}/*{image}.png", {"image": "[a-z]+"}, "ok_2 left"),
        ("{class}/*{image}*", {"image": r"\d+"}, "ok_2 07"),
        ("{class}/{subject}{image}.*", {"subject": r"\d+"}, "ok_2 07 _left"),
        ("{class}*/{image}.png", {}, "ok 07_left"),
        ("{class}{part}/{image}.png", {}, "ok _2 07_left"),
        ("{class}*/{image}.png", {"normal": ["other"]}, "ok_2 07_left"),
    ],
)
def test_places_side_by_side_stay_within_one_part_of_the_path(tmp_path, pattern, own, expected):
    touch(tmp_path / "ok_2/07_left.png")
    touch(tmp_path / "ok_2/deeper/07_left.png")
    kind = {"kind": "images", "images": {"R": pattern}, "id": "{image}", "normal": ["o", "ok"]}
    taken = list(matches("d", layout(**{**kind, **own}), pattern, tmp_path))
    assert [" ".join(one.places.values()) for one in taken] == [expected]


@pytest.mark.parametrize("expression", ["(a|aa|b)+", "((a|aa)*b?)*", "(a|aa)+(a|aa)+(a|aa)+"])
def test_an_expression_that_backtracks_without_end_is_refused(tmp_path, expression):
    touch(tmp_path / f"{'a' * 150}!_T1.nii.gz")
    with pytest.raises(CardError, match="need too long on 'aaa"):
        found(tmp_path, subject=expression)


@pytest.mark.parametrize("expression", [r"(?:a+)+", r"(\w+\s?)*", r"(.*)(.*)(.*)(.*)"])
def test_an_expression_that_is_only_clumsy_gives_an_answer(tmp_path, expression):
    touch(tmp_path / f"{'a' * 60}!_T1.nii.gz")
    found(tmp_path, subject=expression)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("((a{900}){900}){900}", "repeats something more than 10000 times"),
        ("a{99999999999}", "repeats something more than 10000 times"),
        ("(" * 400 + ")" * 400, "is not a regular expression"),
        ("a" * 1001, "longer than 1000 characters"),
        ("[a", "is not a regular expression"),
        ("(?P<subject>a)", "is not a regular expression"),
        ("a{1,2}{3}", "is not a regular expression"),
    ],
    ids=["memory", "huge", "nested", "long", "open", "twice", "multiple"],
)
def test_an_expression_that_cannot_be_compiled_is_refused(tmp_path, expression, said):
    touch(tmp_path / "a_T1.nii.gz")
    with pytest.raises(CardError, match=said):
        found(tmp_path, subject=expression)


def test_too_many_brackets_are_refused_before_they_multiply(tmp_path):
    pattern = "[a/]" * 24 + "{subject}_T1.nii.gz"
    with pytest.raises(CardError, match="24 pairs of brackets, expected at most 8"):
        found(tmp_path, pattern)


@pytest.mark.parametrize(
    "pattern",
    ["../{subject}_T1.nii.gz", "[../]{subject}_T1.nii.gz", "[.]./{subject}_T1.nii.gz",
     "[.][.]/{subject}_T1.nii.gz", "a/[../../]{subject}_T1.nii.gz", "[/]{subject}_T1.nii.gz",
     "/{subject}_T1.nii.gz", "*[*]/{subject}_T1.nii.gz", "a\0/{subject}", "T1.nii.gz"],
)  # fmt: skip
def test_a_pattern_that_leads_out_of_the_folder_is_refused(tmp_path, pattern):
    root = tmp_path / "data"
    touch(tmp_path / "secret_T1.nii.gz")
    touch(root / "a_T1.nii.gz")
    with pytest.raises(CardError, match="must be relative"):
        found(root, pattern)


def test_links_inside_the_folder_and_to_the_whole_of_it_are_followed(tmp_path):
    real = touch(tmp_path / "real" / "store" / "x_T1.nii.gz")
    (tmp_path / "real" / "p1_T1.nii.gz").symlink_to(real)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "link") == [("p1_T1.nii.gz", "p1")]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out_of_the_folder_are_refused(tmp_path, kind):
    outside = touch(tmp_path / "elsewhere" / "p1_T1.nii.gz")
    root = tmp_path / "data"
    root.mkdir()
    if kind == "file":
        (root / "p1_T1.nii.gz").symlink_to(outside)
        pattern = "{subject}_T1.nii.gz"
    else:
        (root / "sub").symlink_to(outside.parent)
        pattern = "sub/{subject}_T1.nii.gz"
    with pytest.raises(DataError, match="outside the dataset's folder") as caught:
        found(root, pattern)
    assert os.path.realpath(outside) in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["os:system", "subprocess:run", "antigravity:x", "bench.cli:main", "bench.data.phantom:x", ""],
)
def test_a_card_makes_files_only_with_the_generators_of_bench(tmp_path, name):
    card = registry.dataset("phantom")
    with pytest.raises(CardError, match=r"must be a function below bench\.data\.phantom"):
        generated_root(card, name, tmp_path)
