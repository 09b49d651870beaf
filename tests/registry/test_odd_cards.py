"""Cards and suites that no parser expects: always a `CardError` that names the place."""

import pytest

from bench.cards import MethodCard, read_card
from bench.errors import BenchError, CardError, UsageError
from bench.planning.request import RunArguments, check_request
from bench.planning.suite import read_suite
from bench.registry import plugins

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


@pytest.mark.parametrize(
    "value",
    ["1e999", "-1e999", "NaN", "Infinity", DIGITS, "9" * 400, "[" * 2000, "[" * 2000 + "]" * 2000,
     '{"a": ' * 2000, "\ud800", "\x00"],
    ids=lambda value: f"{value[:8]!r} of {len(value)}",
)  # fmt: skip
@pytest.mark.parametrize("key", ["residual", "smoothing", "memory"])
def test_an_odd_setting_is_a_usage_error(key, value):
    arguments = RunArguments(
        method=["ae"], task=["phantom/ms-t1"], budget="smoke", set=[f"{key}={value}"]
    )
    with pytest.raises(BenchError) as caught:
        check_request(arguments)
    assert isinstance(caught.value, UsageError)
    assert len(str(caught.value)) < 2500


@pytest.mark.parametrize("seeds", [0, -1, 10**9, 10**4000, 10**5000],
                         ids=["0", "-1", "10^9", "10^4000", "10^5000"])  # fmt: skip
def test_an_odd_number_of_seeds_is_a_usage_error(seeds):
    arguments = RunArguments(method=["random"], task=["phantom/ms-t1"], seeds=seeds)
    with pytest.raises(UsageError, match="--seeds"):
        check_request(arguments)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('class = "methods.classical.trivial:Intensity"', 'class = "os:system"'),
        ('class = "methods.classical.trivial:Intensity"', 'class = "subprocess:Popen"'),
        ("version = 1", 'version = 1\nconfig_schema = "antigravity:x"'),
    ],
)
def test_a_card_imports_nothing_but_its_own_package(tmp_path, old, new):
    path = tmp_path / "m.toml"
    path.write_text(CARD.replace(old, new))
    with pytest.raises(CardError, match="a card imports nothing else"):
        plugins.read_installed(path)


def test_the_schema_of_a_file_is_in_the_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def fit(self, n, r): ...\n    def predict(self, i): ...\n"
        "    def save(self, f): ...\n    def load(self, f): ...\n"
    )
    text = CARD.replace("methods.classical.trivial:Intensity", "mine:Mine")
    (tmp_path / "mine.toml").write_text(f'config_schema = "antigravity:x"\n{text}')
    arguments = RunArguments(method=[f"{tmp_path}/mine.py:Mine"], task=["phantom/ms-t1"])
    with pytest.raises(CardError, match=r"it must be in .*mine\.py"):
        check_request(arguments)
