"""Where in a user's own method an error arose: the file and the line that can be mended."""

from __future__ import annotations

import traceback
from collections.abc import Collection
from pathlib import Path


def innermost(error: BaseException, own: Collection[Path], root: Path) -> str:
    """The innermost line of some files that an error passed through.

    Args:
        error: with its traceback.
        own: absolute paths of the files that count.
        root: the folder that they are named from.

    Returns:
        Such as ``mine.py, line 12, in fit``; empty where the error passed through none of them.
    """
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) in own:
        return f"{_name(error.filename, root)}, line {error.lineno}"
    for one in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(one.filename) in own:
            where = "" if one.name == "<module>" else f", in {one.name}"
            return f"{_name(one.filename, root)}, line {one.lineno}{where}"
    return ""


def beginning(function: object, own: Collection[Path], root: Path) -> str:
    """Where a function begins, in the words of `innermost`; empty where it is not in the files."""
    code = getattr(function, "__code__", None)
    if code is None or Path(code.co_filename) not in own:
        return ""
    return f"{_name(code.co_filename, root)}, line {code.co_firstlineno}, in {code.co_name}"


def _name(file: str, root: Path) -> str:
    return Path(file).relative_to(root).as_posix()
