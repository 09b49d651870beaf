"""The log of a cell: what its method says, and the traceback of what ended it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import printable
from bench.execution.isolation import Bounded

_LONGEST = 20_000
_BEGINNING = "ERROR Traceback (most recent call last):"


@contextmanager
def logged(path: Path) -> Iterator[logging.Logger]:
    """A logger that writes the cell's log file."""
    logger = logging.getLogger(f"bench.run.{path.stem}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    # Appended to, since what the method prints goes into the same file; it begins empty.
    path.unlink(missing_ok=True)
    handler = logging.FileHandler(
        path, mode="a", encoding="utf-8", errors="backslashreplace", delay=True
    )
    handler.addFilter(Bounded())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    try:
        yield logger
    finally:
        logger.removeHandler(handler)
        handler.close()


def log_traceback(logger: logging.Logger) -> None:
    """Write the traceback of the error that is being handled."""
    logger.error("%s", printable(traceback.format_exc(), _LONGEST))


def last_traceback(path: Path) -> str:
    """The traceback at the end of a cell's log.

    Returns:
        The text; empty where there is none: the process was killed, or the log is gone.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    start = text.rfind(_BEGINNING)
    return "" if start < 0 else printable(text[start:].removeprefix("ERROR ").rstrip(), _LONGEST)
