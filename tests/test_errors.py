"""Words of errors: of any origin, always short, always shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import DataError, in_words, printable, quoted


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
