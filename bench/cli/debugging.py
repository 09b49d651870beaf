"""Whether ``--debug`` was given: it may stand at any position, so `bench.cli.main` takes it out."""

from __future__ import annotations

import sys

_state = {"wanted": False}


def take_option() -> bool:
    """Take ``--debug`` out of the arguments; whether it was there."""
    _state["wanted"] = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    return _state["wanted"]


def wanted() -> bool:
    """Whether to show tracebacks."""
    return _state["wanted"]
