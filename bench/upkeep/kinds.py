"""What of a store can be freed."""

from __future__ import annotations

from enum import StrEnum


class Cleaned(StrEnum):
    """What can be freed."""

    predictions = "predictions"
    fits = "fits"
    checkpoints = "checkpoints"
    logs = "logs"
    stale = "stale"

    @property
    def what(self) -> str:
        """What is lost with it, in words."""
        return _WHAT[self]


_WHAT = {
    Cleaned.predictions: "kept maps and scores; without them there is no rescore, show, multiverse",
    Cleaned.fits: "trained detectors; without them there is no predict",
    Cleaned.checkpoints: "states of fits that are not finished; they begin again",
    Cleaned.logs: "logs of cells",
    Cleaned.stale: "cells of older files, cards or versions, with all that is theirs alone",
}
