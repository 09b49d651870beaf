"""The contract that a fit goes on after a kill, and ends as if nothing had happened."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.conformance.trial import Trial
from bench.detector import Detector
from bench.errors import counted
from bench.execution.checkpoints import FitCheckpoints

STEPS = 5
"""Enough that both stages of a method with two are stopped within, and after their end."""
EVERY = 2
MOST_ATTEMPTS = 20


class Killed(BaseException):
    """What ends a fit in this check; no method catches it."""


class _Killing(FitCheckpoints):
    """Ends the fit as soon as a state is kept; so each attempt gets one state further."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, made_with={}, log=logging.getLogger("bench.conformance"))
        self._steps = 0

    def due(self) -> bool:
        self._steps += 1
        return self._steps % EVERY == 0

    def write(self, stage: str, fill: Callable[[Path], None]) -> None:
        super().write(stage, fill)
        raise Killed


def check_resuming(trial: Trial) -> None:
    """A fit that is killed whenever it keeps a state ends with the bytes of an undisturbed one.

    On a GPU only the predictions are compared, and need only be close.
    A method that keeps none begins anew each time, which `check_repeatable` looks at.
    """
    meaning = (
        "What runs after a kill would be another detector; look for what changes during training "
        "and is not among the weights, the optimiser and the generators"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        resumed, kills = _resumed(trial, folder / "checkpoints")
        if kills == 0:
            return
        whole = trial.fit(steps=STEPS)
        first, second = (
            _saved(one, folder / place) for one, place in ((whole, "whole"), (resumed, "resumed"))
        )
    if first != second and trial.device == "cpu":
        names = sorted(key for key in first.keys() | second if first.get(key) != second.get(key))
        raise trial.broken(
            "resuming",
            f"after {counted(kills, 'kill')} {', '.join(names)} has other bytes",
            meaning,
        )
    one, two = whole.predict(trial.images), resumed.predict(trial.images)
    for what in ("scores", "maps"):
        before, after = getattr(one, what), getattr(two, what)
        if before is not None and not trial.same(before, after):
            raise trial.broken("resuming", f"after {counted(kills, 'kill')} {what} differ", meaning)


def _resumed(trial: Trial, folder: Path) -> tuple[Detector, int]:
    """A detector whose fit was killed as often as it kept a state, and how often that was."""
    for kills in range(MOST_ATTEMPTS):
        try:
            return trial.fit(steps=STEPS, checkpoints=_Killing(folder)), kills
        except Killed:
            continue
    raise trial.broken(
        "resuming",
        f"after {MOST_ATTEMPTS} kills, each at a checkpoint, it has not ended",
        "It writes checkpoints, and does not go on from them",
    )


def _saved(detector: Detector, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    detector.save(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
