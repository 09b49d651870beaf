"""Runs the contracts of `bench.conformance.contracts` on one method."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.cards import MethodCard
from bench.conformance.contracts import CHECKS
from bench.conformance.trial import Trial, channel_counts
from bench.detector import Detector, Skip
from bench.errors import MethodError, counted, printable, text_of
from bench.registry.plugins import place_of, place_of_function


@dataclass(frozen=True)
class CheckResult:
    """How one check of one method ended.

    Attributes:
        check: its name in `CHECKS`.
        channels: of the images.
        status: ``passed``, ``failed`` or ``skipped``.
        found: what was found, and what it means; empty where passed.
        trace: the traceback of what the detector raised; empty where it raised nothing.
    """

    check: str
    channels: int
    status: Literal["passed", "failed", "skipped"]
    found: str = ""
    trace: str = ""


def run_checks(
    card: MethodCard,
    build: Callable[[Mapping[str, Any]], Detector],
    config: Mapping[str, Any],
    device: str = "cpu",
) -> Iterator[CheckResult]:
    """Hold a method against all contracts, with every number of channels of `channel_counts`.

    On a CPU the same means the same bytes. Elsewhere it means close (`trial.CLOSE`): kernels
    add in any order there, and networks compute in bfloat16.

    Whatever a detector raises is a failure of the check, except `Skip`.
    """
    for channels in channel_counts(card):
        trial = Trial(card, build, config, channels, device=device)
        for name, check in CHECKS.items():
            try:
                check(trial)
            except Skip as reason:
                yield CheckResult(name, channels, "skipped", str(reason))
            except MethodError as broken:
                yield CheckResult(name, channels, "failed", _broken(broken, name, trial), _trace())
            except Exception as error:
                yield CheckResult(name, channels, "failed", _crash(error, trial), _trace())
            else:
                yield CheckResult(name, channels, "passed")


def _broken(error: MethodError, check: str, trial: Trial) -> str:
    """What the contract says, and which line of a user's own method is to be looked at."""
    function = getattr(trial.build, _CHECKED.get(check, "predict"), None)
    at = place_of(error, trial.card) or place_of_function(function, trial.card)
    return f"{error} ({at})" if at else str(error)


def _crash(error: Exception, trial: Trial) -> str:
    """What a detector raised, and the line that raised it: of a user's own method his line."""
    at = place_of(error, trial.card)
    if not at:
        inside = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{inside.filename}, line {inside.lineno}"
    return (
        f"{trial.card.name} raised {type(error).__name__}: {text_of(error)} ({at}; "
        f"{counted(trial.channels, 'channel')}, {trial.size} pixels). A cell would fail"
    )


def _trace() -> str:
    return printable(traceback.format_exc(), _TRACEBACK)


_TRACEBACK = 20_000
_CHECKED = {"saving": "save", "explain": "explain"}
"""The function that a check is about, where it is not `Detector.predict`."""
