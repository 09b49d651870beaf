"""How long work says how far it is. It stands in the data room since all rooms may use it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""``progress(done, total, note)``: `done` of `total` steps of what `note` names are done."""
