"""Settings as JSON has them, from whatever Python gives."""

import enum
from pathlib import PurePosixPath

import numpy as np
import pytest

from bench.cards.values import plain_value
from bench.errors import UsageError


class Colour(enum.Enum):
    RED = np.int64(3)


class Word(str):
    def __str__(self):
        return "another"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (np.bool_(False), False),
        (np.int32(7), 7),
        (2**63 - 1, 2**63 - 1),
        (np.float32(0.5), 0.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ((1, "a", [np.float64(2)]), [1, "a", [2.0]]),
        ({"k": (1,), "l": {"m": None}}, {"k": [1], "l": {"m": None}}),
        (Colour.RED, 3),
        (PurePosixPath("a/b"), "a/b"),
        (Word("word"), "word"),
    ],
)
def test_values_become_plain(value, plain):
    made = plain_value("k", value)
    assert made == plain
    assert type(made) is type(plain)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**63, r"k=9223372036854775808 must be at most 2\*\*63 - 1"),
        (np.uint64(2**63), r"k=9223372036854775808 must be at most 2\*\*63 - 1"),
        ([1.0, float("nan")], r"k\[1\]=nan must be a finite number"),
        ({"a": np.float32("inf")}, r"k\.a=inf must be a finite number"),
        ({"a": {3: 1}}, r"k\.a: the key 3 must be a string"),
        ("\ud800", "is not valid text"),
        ({1, 2}, r"k=\{1, 2\} is a set; a setting can be a string"),
        (1j, "is a complex"),
        (np.array([1j]), r"k\[0\]=1j is a complex"),
    ],
)
def test_what_json_lacks_is_named_with_its_place(value, said):
    with pytest.raises(UsageError, match=said):
        plain_value("k", value)


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def test_lists_in_too_many_levels_are_refused():
    assert plain_value("k", nested(100)) == nested(100)
    endless = []
    endless.append(endless)
    for value in (nested(101), nested(5000), endless, {"a": nested(100)}):
        with pytest.raises(
            UsageError, match=r"setting k[.a]* has lists or tables in more than 100"
        ):
            plain_value("k", value)
