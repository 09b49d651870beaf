"""Runs the contracts of `bench.conformance.contracts` on one method."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.cards import MethodCard
from bench.conformance.contracts import CHECKS, Trial, channel_counts
from bench.detector import Detector, Skip
from bench.errors import MethodError


@dataclass(frozen=True)
class CheckResult:
    """How one check of one method ended.

    Attributes:
        check: its name in `CHECKS`.
        channels: of the images.
        status: ``passed``, ``failed`` or ``skipped``.
        found: what was found, and what it means; empty where passed.
    """

    check: str
    channels: int
    status: Literal["passed", "failed", "skipped"]
    found: str = ""


def run_checks(
    card: MethodCard, build: Callable[[Mapping[str, Any]], Detector], config: Mapping[str, Any]
) -> Iterator[CheckResult]:
    """Hold a method against all contracts, with every number of channels of `channel_counts`.

    Whatever a detector raises is a failure of the check, except `Skip`.
    """
    for channels in channel_counts(card):
        trial = Trial(card, build, config, channels)
        for name, check in CHECKS.items():
            try:
                check(trial)
            except Skip as reason:
                yield CheckResult(name, channels, "skipped", str(reason))
            except MethodError as broken:
                yield CheckResult(name, channels, "failed", str(broken))
            except Exception as error:
                yield CheckResult(name, channels, "failed", _crash(error, trial))
            else:
                yield CheckResult(name, channels, "passed")


def _crash(error: Exception, trial: Trial) -> str:
    """What a detector raised, and the line that raised it."""
    inside = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{trial.card.name} raised {type(error).__name__}: {error} ({inside.filename}, line "
        f"{inside.lineno}; {trial.channels} channel(s), {trial.size} pixels). A cell would fail"
    )
