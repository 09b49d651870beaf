"""Compares text with a golden file; UPDATE_GOLDEN=1 rewrites the file in its place."""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden" / "report"

LONG_DECIMAL = re.compile(r"\d+\.\d{13,}")


def assert_golden(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_bytes(text.encode("utf-8"))
    expected = path.read_bytes().decode("utf-8")
    same = rounded(text) == rounded(expected)
    assert same, f"{path} differs; look, then rewrite it with UPDATE_GOLDEN=1"


def rounded(text: str) -> str:
    """Long decimals at 12 digits: the last ones differ between versions of numpy and scipy."""
    return LONG_DECIMAL.sub(lambda found: f"{float(found[0]):.12g}", text)
