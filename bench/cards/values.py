"""Values of settings: what keys and records can hold, whatever Python type they came in."""

from __future__ import annotations

import enum
import math
import os
from typing import Any

from bench.errors import UsageError, an, quoted

_LARGEST = 2**63 - 1
_DEEPEST = 100
"""Levels of lists and tables; Python 3.13 parses thousands, which nothing here could walk."""


def plain_value(name: str, value: object) -> Any:  # noqa: ANN401 - a value that JSON has
    """A value as JSON has it, which every key, record and method can hold.

    NumPy's and torch's scalars become numbers, their arrays and tuples become lists, members of
    an enumeration their values, paths text.

    Args:
        name: what the value is for, to name it in an error.
        value: of a setting.

    Returns:
        A string, number, bool, None, or lists and dictionaries of them.

    Raises:
        UsageError: another type, a number that is not finite, a key that is not a string, or more
            than `_DEEPEST` levels.
    """
    return _plain(name, value, _DEEPEST)


def _plain(name: str, value: object, levels: int) -> Any:  # noqa: ANN401 - as above
    if levels < 0:
        setting = name.split("[")[0]
        raise UsageError(f"setting {setting} has lists or tables in more than {_DEEPEST} levels")
    if isinstance(value, enum.Enum):
        return _plain(name, value.value, levels - 1)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _plain_text(name, str.__str__(value))  # of a subclass the text alone
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise UsageError(f"setting {name}={quoted(int(value))} must be at most 2**63 - 1")
        return int(value)
    if isinstance(value, os.PathLike):
        return _plain(name, os.fspath(value), levels - 1)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"setting {name}={value!r} must be a finite number")
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(f"{name}[{at}]", one, levels - 1) for at, one in enumerate(value)]
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            raise UsageError(f"setting {name}: the key {quoted(odd[0])} must be a string")
        return {str(key): _plain(f"{name}.{key}", one, levels - 1) for key, one in value.items()}
    # NumPy and torch are not imported for this: their scalars and arrays say it themselves.
    to_python = getattr(value, "tolist", None)
    made = to_python() if callable(to_python) else value
    if type(made) is type(value):
        raise UsageError(
            f"setting {name}={quoted(value)} is {an(type(value).__name__)}; a setting can be a "
            "string, a number, true, false, null, or lists and tables of them"
        )
    return _plain(name, made, levels - 1)


def _plain_text(name: str, text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"setting {name}={quoted(text)} is not valid text") from None
    return text
