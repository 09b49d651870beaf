"""Whatever a decoder raises is damage of its file, and becomes one kind of error here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError, DataError

AGAIN = "fetch or export the file again"

# Deflate and LZW give at most about 1,100 and 1,400 times their input.
_MOST_TIMES = 1500

_Part = TypeVar("_Part")


@contextmanager
def damage(path: Path | str, problem: str = "is truncated or damaged") -> Iterator[None]:
    """Turn what a decoder raises into a `DataError` that names the file.

    A decoder of another's file format raises whatever it meets: `struct.error`, `KeyError`,
    `RecursionError`. All of it means the same to the user. Errors of ours pass unchanged.

    Args:
        path: the file.
        problem: what is wrong with it, in words.
    """
    try:
        yield
    except BenchError:
        raise
    except MemoryError as error:
        raise DataError(
            f"{path} does not fit in memory, or its header is damaged", hint=AGAIN
        ) from error
    except Exception as error:
        raise DataError(f"{path} {problem}: {reason(error)}", hint=AGAIN) from error


def require_promise(path: Path, promised: int) -> None:
    """Refuse a header that promises more than its file can hold, before memory is taken for it.

    Args:
        path: the file, compressed or not.
        promised: bytes of all values, by the header.

    Raises:
        DataError: not even the best compression in use gives so many bytes.
    """
    size = path.stat().st_size
    if promised > _MOST_TIMES * size:
        raise DataError(
            f"{path} is truncated or damaged: its header promises {promised} bytes, but the file"
            f" has {size}",
            hint=AGAIN,
        )


def undamaged(path: Path, parts: Iterable[_Part]) -> Iterator[_Part]:
    """The parts of a file, as its decoder gives them; its errors as of `damage`.

    What goes wrong in the caller, between two parts, is not taken for damage.
    """
    with damage(path):
        yield from parts


def reason(error: BaseException) -> str:
    """The system's reason without the path, which the message names already."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
