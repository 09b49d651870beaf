"""Every error that `bench` raises on purpose.

The tree::

    BenchError
    ├── UsageError          a wrong option, name or combination of them
    │   └── UnknownName     a name that no card bears
    ├── CardError           a card or a suite file that does not say what it must
    ├── DataError           files missing, unreadable or contradicting each other
    │   └── SplitError      a subject on both sides of a split
    ├── MethodError         a detector that breaks its contract
    │   └── MissingExtra    a method whose optional dependency is not installed
    ├── MetricError         input on which a metric cannot be computed
    │   └── UndefinedMetric one class only, or no values at all
    ├── RunError            a run that cannot start or go on
    └── StoreError          a run store or cache that cannot be read or written

A message names the wrong value and what was expected; ``hint`` is the next command to run.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable


class BenchError(Exception):
    """The root of all errors raised on purpose.

    Args:
        message: what is wrong and what was expected.
        hint: the next command or step, without a full stop.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the hint when the error crosses a process boundary."""
        return (_rebuild, (type(self), str(self), self.hint))


def _rebuild(cls: type[BenchError], message: str, hint: str | None) -> BenchError:
    error = cls.__new__(cls)
    BenchError.__init__(error, message, hint=hint)
    return error


class UsageError(BenchError):
    """A wrong option, name or combination of them."""


class UnknownName(UsageError):
    """A name that no card bears.

    Args:
        kind: what was looked for, in the singular (``"method"``).
        name: the name that was asked for.
        known: all names that would have been right.
        hint: the command that lists them.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None
    ) -> None:
        super().__init__(f"unknown {kind} {name!r}; {allowed(name, known)}", hint=hint)


class CardError(BenchError):
    """A card or a suite file that does not say what it must."""


class DataError(BenchError):
    """Files missing, unreadable or contradicting each other."""


class SplitError(DataError):
    """A subject on both sides of a split."""


class MethodError(BenchError):
    """A detector that breaks its contract."""


class MissingExtra(MethodError):
    """A method whose optional dependency is not installed."""


class MetricError(BenchError):
    """Input on which a metric cannot be computed."""


class UndefinedMetric(MetricError):
    """One class only, or no values at all."""


class RunError(BenchError):
    """A run that cannot start or go on."""


class StoreError(BenchError):
    """A run store or cache that cannot be read or written."""


def in_words(error: BaseException, *, at: str = "") -> str:
    """An error and its hint in one line, for records and lists of problems.

    Never raises, whatever a method or a decoder gave its error, and is always `printable`.

    Args:
        error: any.
        at: where it arose, such as a file and a line; it stands in brackets after the text.
    """
    text = f"{text_of(error)} ({at})" if at else text_of(error)
    if not isinstance(error, BenchError):
        return printable(f"{type(error).__name__}: {text}")
    return printable(f"{text}; next: {error.hint}" if error.hint else text)


def text_of(error: BaseException) -> str:
    """The text of an error; never raises, though the ``__str__`` of a method's error may."""
    try:
        return str(error)
    except Exception:
        return f"{type(error).__name__} (this error has no readable text)"


def printable(text: str, limit: int = 2000) -> str:
    """Text that every terminal, file and page can show.

    Args:
        text: of any origin and any length.
        limit: the most characters to keep; of a longer text the middle is left out.

    Returns:
        The text without escape sequences, control characters (line ends and tabs stay) and marks
        that turn the direction of writing; lone surrogates become the replacement character.
    """
    if len(text) > limit:
        start, end = (limit - _NOTE) * 3 // 4, (limit - _NOTE) // 4
        count = len(text) - start - end
        text = f"{text[:start]} … ({counted(count, 'character')} left out) … {text[-end:]}"
    return "".join(map(_shown, _ESCAPE.sub("", text.replace("\r\n", "\n"))))


_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.?)", re.DOTALL)
_NOTE = 50  # room for the note about what was left out
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _shown(one: str) -> str:
    if one in "\n\t":
        return one
    kind = unicodedata.category(one)
    if kind == "Cs":
        return "\ufffd"
    return "" if kind == "Cc" or one in _TURNS else one


def an(noun: str) -> str:
    """``a string``, ``an int``, ``an AUPRO``, ``an F1``: a noun or its symbol, with its article."""
    spelled = noun[:2].isupper() or noun[1:2].isdigit() or noun == "ndarray"  # by letters
    return f"{'an' if noun[:1].upper() in ('AEFHILMNORSX' if spelled else 'AEIO') else 'a'} {noun}"


def counted(count: int, noun: str, verb: str = "") -> str:
    """``1 task``, ``3,495 images are``: a number, a noun and a verb that agree.

    Args:
        count: how many.
        noun: in the singular; its plural is regular.
        verb: in the plural, such as ``are``, ``have``, ``fit``; "" for none.
    """
    if count != 1:
        noun = f"{noun[:-1]}ies" if re.search("[^aeiou]y$", noun) else f"{noun}s"
    text = f"{count:,} {noun}"
    return f"{text} {agreed(count, verb)}" if verb else text


def counted_of(count: int, total: int, noun: str, verb: str = "") -> str:
    """``1 of 4 subjects is``: a part of a number; the noun agrees with the whole.

    Args:
        count: how many.
        total: of how many.
        noun: as of `counted`.
        verb: as of `counted`.
    """
    text = f"{count:,} of {counted(total, noun)}"
    return f"{text} {agreed(count, verb)}" if verb else text


def all_of(count: int, noun: str, verb: str) -> str:
    """``the only case is``, ``all 4 cases are``: the whole of a number; as `counted`."""
    return (
        f"the only {noun} {agreed(1, verb)}" if count == 1 else f"all {counted(count, noun, verb)}"
    )


def agreed(count: int, verb: str) -> str:
    """``is`` for one and ``are`` for more; the verb is given in the plural."""
    return {"are": "is", "have": "has"}.get(verb, f"{verb}s") if count == 1 else verb


def quoted(value: object, limit: int = 80) -> str:
    """A wrong value as a message shows it; never raises, as `repr` of a huge integer does."""
    try:
        text = repr(value)
    except Exception:  # ValueError: more than 4,300 digits; RecursionError; a strange __repr__
        text = f"a value of type {type(value).__name__} that is too large to show"
    return text if len(text) <= limit else f"{text[:limit]}…"


def allowed(name: str, known: Iterable[str], limit: int = 20) -> str:
    """Say which names would have been right, the nearest first.

    Args:
        name: the wrong name.
        known: the right ones.
        limit: how many to print at most.

    Returns:
        A clause such as ``did you mean 'ae'? allowed: ae, gaussian``.
    """
    names = sorted(known)
    # `ms-t1` means phantom/ms-t1: a name is looked for in all parts of the known ones.
    parts = [one for one in names if name and name in re.split("[/:@]", one)]
    near = [*parts, *difflib.get_close_matches(name, names, n=3, cutoff=0.5)]
    near = list(dict.fromkeys(near))
    ordered = near + [other for other in names if other not in near]
    if not ordered:
        return "none is known"
    shown = ", ".join(ordered[:limit])
    more = f", … ({len(ordered) - limit} more)" if len(ordered) > limit else ""
    guess = f"did you mean {near[0]!r}? " if near else ""
    return f"{guess}allowed: {shown}{more}"
