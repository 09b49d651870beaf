"""Words of errors: of any origin, always short, always shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import (
    DataError,
    all_of,
    an,
    counted,
    counted_of,
    in_words,
    printable,
    quoted,
)


class Silent(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Wordless(DataError):
    def __str__(self):
        return None


def test_an_error_without_words_is_named():
    assert in_words(Silent()) == "Silent: Silent (this error has no readable text)"
    assert in_words(Wordless("x")) == "Wordless (this error has no readable text)"
    assert in_words(DataError("a", hint="b")) == "a; next: b"


@given(st.text(st.characters(), max_size=50))
def test_printable_text_can_be_written_and_stays_as_it_is(text):
    once = printable(text, limit=200)
    once.encode("utf-8")
    assert "\x1b" not in once
    assert printable(once, limit=200) == once


def test_a_megabyte_keeps_its_start_and_its_end():
    short = printable("start" + "x" * 10**6 + "end")
    assert short.startswith("startxxx")
    assert short.endswith("xend")
    assert len(short) <= 2000
    assert "characters left out" in short
    assert printable(short) == short


@pytest.mark.parametrize("value", [10**5000, [10**5000], "x" * 10**6], ids=["a", "b", "c"])
def test_any_wrong_value_can_be_quoted(value):
    assert len(quoted(value)) <= 81


@pytest.mark.parametrize(
    ("count", "noun", "verb", "said"),
    [
        (1, "image", "", "1 image"),
        (3495, "image", "", "3,495 images"),
        (0, "file", "are", "0 files are"),
        (1, "file", "are", "1 file is"),
        (1, "image", "have", "1 image has"),
        (1, "entry", "fit", "1 entry fits"),
        (2, "entry", "fit", "2 entries fit"),
        (2, "copy", "lack", "2 copies lack"),
        (2, "day", "", "2 days"),
    ],
)
def test_number_noun_and_verb_agree(count, noun, verb, said):
    assert counted(count, noun, verb) == said


def test_of_a_part_the_noun_agrees_with_the_whole_and_the_verb_with_the_part():
    assert counted_of(1, 4, "subject", "are") == "1 of 4 subjects is"
    assert counted_of(2, 4, "subject", "lack") == "2 of 4 subjects lack"
    assert counted_of(1, 1, "cell", "have") == "1 of 1 cell has"
    assert counted_of(3, 1200, "line") == "3 of 1,200 lines"


@pytest.mark.parametrize(
    "said",
    ["a string", "an int", "an AUPRO", "an F1", "a Dice", "an ndarray", "a uint8", "an SSIM"],
)
def test_an_article_fits_the_sound(said):
    assert an(said.split()[1]) == said


@pytest.mark.parametrize(
    ("count", "said"), [(1, "the only case is"), (1200, "all 1,200 cases are")]
)
def test_the_whole_of_a_number_agrees(count, said):
    assert all_of(count, "case", "are") == said
