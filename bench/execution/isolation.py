"""What a method's code changes in its process must not reach the store."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back umask, working folder, environment and NumPy's error handling after the block.

    Each call of a method's code stands in such a block: files that are written afterwards have
    the user's modes, and relative paths still lead where they led.
    """
    folder, environment = os.getcwd(), dict(os.environ)
    umask = os.umask(0o077)
    os.umask(umask)
    try:
        with np.errstate():
            yield
    finally:
        os.umask(umask)
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


class Bounded(logging.Filter):
    """Lets a log grow to a bound, and says once that there was more.

    Args:
        most: characters that are kept.
    """

    def __init__(self, most: int = 2**20) -> None:
        super().__init__()
        self._room = most

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to keep a message; a long one is cut."""
        if self._room <= 0:
            return False
        try:
            text = record.getMessage()
        except Exception as error:  # a message whose arguments do not fit it
            text = f"{record.msg!r} with {type(error).__name__}"
        if len(text) >= self._room:
            text = f"{text[: self._room]}… (the log is full; what follows is not kept)"
        self._room -= len(text)
        record.msg, record.args = text, ()
        return True
