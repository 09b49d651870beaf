"""Cards and suites that no parser expects: always a `CardError` that names the place."""

import pytest

from bench.cards import MethodCard, read_card
from bench.errors import CardError
from bench.planning.suite import read_suite

CARD = """name = "m"
title = "M"
class = "methods.classical.trivial:Intensity"
version = 1
family = "other"
description = "d"
"""
DIGITS = "9" * 5000
ODD = {
    "5,000 digits": (f"[config]\nk = {DIGITS}", "not valid TOML"),
    "5,000 hexadecimal digits": (f"[config]\nk = 0x{DIGITS}", "config.k: must be at most"),
    "5,000 digits as a version": (f"extras = {DIGITS}", "not valid TOML"),
    "4,000 digits": (f"[config]\nk = {'9' * 4000}", "config.k: must be at most 2**63 - 1"),
    "2,000 brackets": (f"[config]\nk = {'[' * 2000}{']' * 2000}", "nested"),
    "100 brackets": (f"[config]\nk = {'[' * 100}{']' * 100}", "nested more than 50 levels"),
    "2,000 tables": (f"[config]\nk.{'a.' * 2000}b = 1", "nested"),
    "infinity": ("[config]\nk = [1.0, 1e999]", "config.k.1: must be a finite number"),
    "NaN": ("[config]\nk = nan", "config.k: must be a finite number (found nan)"),
    "a date": ("[config]\nk = 2020-01-01", "config.k: must not be a date"),
    "a time": ("[config]\nk = 10:00:00", "config.k: must not be a date or a time"),
    "not UTF-8": (b"\xff\xfe", "not valid TOML"),
}


@pytest.mark.parametrize(("text", "said"), ODD.values(), ids=ODD.keys())
def test_an_odd_card_is_a_card_error(tmp_path, text, said):
    path = tmp_path / "m.toml"
    path.write_bytes(CARD.encode() + (text if isinstance(text, bytes) else text.encode()))
    with pytest.raises(CardError) as caught:
        read_card(path, MethodCard)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("run", [f"seeds = {'9' * 4000}", f"seeds = {DIGITS}", "seeds = inf",
                                 f"set = {'[' * 2000}{']' * 2000}"])  # fmt: skip
def test_an_odd_suite_is_a_card_error(tmp_path, run):
    path = tmp_path / "s.toml"
    path.write_text(f'title = "t"\n[[run]]\nmethod = ["random"]\n{run}\n')
    with pytest.raises(CardError):
        read_suite(path)
