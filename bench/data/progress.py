"""The type of the callbacks that follow long work, for all rooms."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""``progress(done, total, note)``: `done` of `total` steps of what `note` names are done."""
