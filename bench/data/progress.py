"""The type of the callbacks that follow long work, for all rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Progress = Callable[[int, int, str], None]
"""``progress(done, total, note)``: `done` of `total` steps of what `note` names are done."""

LogValues = Callable[[Mapping[str, float], int], None]
"""``log_values({"loss": 0.03}, step)``: numbers that tell how a fit goes, after `step` steps."""
