"""Standard streams that are closed, full, or cannot write every character."""

from __future__ import annotations

import errno
import io
import os
import sys

_UNWRITABLE = {errno.ENOSPC, errno.EBADF, errno.EIO, errno.EPIPE, errno.EDQUOT, errno.EFBIG}


def prepare() -> None:
    """Make stdin, stdout and stderr usable; call it first.

    A closed one (``>&-``) becomes the null device. Otherwise the next file that is opened would
    get its number, and what a method prints would land in that file.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name from the file system may hold what no encoding has; a locale may have no "…".
            stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what is still in the buffers.

    Raises:
        OSError: a stream cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def is_of_a_stream(error: OSError) -> bool:
    """Whether an error comes from writing a stream: those of files name their file."""
    return error.filename is None and error.errno in _UNWRITABLE


def give_up() -> None:
    """Send what the buffers still hold to the null device, so that Python can end in peace."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        stream = sys.stdout if number == 1 else sys.stderr
        try:
            stream.flush()
        except OSError:
            os.dup2(null, number)
    os.close(null)
