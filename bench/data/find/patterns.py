"""The files that fit a pattern of a layout."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import regex

from bench.cards import Layout
from bench.data.read.formats import KINDS, suffixes
from bench.errors import CardError, DataError, quoted

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"(\{\w+\}|\*)")
# Places side by side; for a file system ** means any depth of folders.
_SIDE_BY_SIDE = re.compile(r"\*{2,}")
_COUNTED = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_ANY = "[^/]+?"
# Bounds that no real card comes near; they keep a wrong or hostile one from blocking a run.
_MOST_BRACKETS = 8
_MOST_CHARACTERS = 1000
_MOST_REPEATS = 10_000
_MOST_S = 5.0
_SLOW_S = 0.01


@dataclass(frozen=True)
class Found:
    """A file that fits a pattern, with what stands in the pattern's places."""

    path: Path
    places: dict[str, str]

    def get(self, place: str) -> str:
        """What stands in a place; empty where the pattern has no such place."""
        return self.places.get(place, "")


def all_patterns(layout: Layout) -> dict[str, str]:
    """The pattern of each modality, of the label and of the mask, by role."""
    roles = {**layout.images}
    roles |= {"label": layout.label} if layout.label is not None else {}
    roles |= {"mask": layout.mask} if layout.mask is not None else {}
    return roles


def matches(dataset: str, layout: Layout, pattern: str, root: Path) -> Iterator[Found]:
    """The files that fit a pattern.

    Args:
        dataset: name of the card.
        layout: with the regular expressions of the places.
        pattern: one of the layout's patterns, relative to ``root``.
        root: an existing folder.

    Yields:
        Files, sorted by path for each way to read the brackets of the pattern; no hidden ones.

    Raises:
        CardError: the pattern cannot be used.
        DataError: the folder cannot be read.
    """
    where = f"card {dataset!r}, layout {layout.name!r}"
    variants = _checked_variants(pattern, where)
    inside_root = _Inside(root)
    seen: set[Path] = set()
    for one in variants:
        matcher = _Matcher(layout, one, where)
        try:
            candidates = sorted(root.glob(_SIDE_BY_SIDE.sub("*", _PLACE.sub("*", _any_case(one)))))
        except OSError as error:
            raise DataError(f"cannot read {root}: {error.strerror or error}") from error
        for path in candidates:
            inside = path.relative_to(root)
            match = matcher.places(inside.as_posix())
            # Hidden files are a file manager's or macOS's companions of real ones.
            hidden = any(part.startswith(".") for part in inside.parts)
            if match is not None and not hidden and path not in seen and path.is_file():
                inside_root.require(path)
                seen.add(path)
                yield Found(path, match)


def _checked_variants(pattern: str, where: str) -> list[str]:
    """`_variants` of a pattern, none of which leads out of the dataset's folder."""
    if pattern.count("[") > _MOST_BRACKETS:
        raise CardError(
            f"{where}: pattern {quoted(pattern)} has {pattern.count('[')} pairs of brackets, "
            f"expected at most {_MOST_BRACKETS}",
            hint="write a layout for each way the files lie",
        )
    variants = _variants(pattern)
    named = "{subject}" in pattern or "{image}" in pattern
    leads_out = any(one.startswith("/") or ".." in one.split("/") for one in variants)
    if not named or leads_out or any("**" in one or "\0" in one for one in variants):
        raise CardError(
            f"{where}: pattern {quoted(pattern)} must be relative, hold {{subject}} and neither "
            ".. nor **"
        )
    return variants


def _any_case(pattern: str) -> str:
    """A pattern for `glob` whose suffix may be large, small or mixed, as in ``IMG_1.JPG``."""
    cut = len(pattern) - len(_suffix(pattern))
    letters = (f"[{a.lower()}{a.upper()}]" if a.isalpha() else a for a in pattern[cut:])
    return pattern[:cut] + "".join(letters)


def _suffix(text: str) -> str:
    """The suffix of a format at the end of a text, as it is written; empty without one."""
    known = [one for kind in KINDS for one in suffixes(kind) if text.lower().endswith(one)]
    return text[len(text) - max(map(len, known), default=0) :]


class _Inside:
    """Refuses files that a link leads out of a folder to, where no key and no card knows them."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._folders: dict[Path, bool] = {}

    def require(self, path: Path) -> None:
        """Refuse a file elsewhere.

        Raises:
            DataError: the file, or a folder on the way to it, is a link out of the folder.
        """
        folder = path.parent
        if folder not in self._folders:
            self._folders[folder] = self._holds(folder)
        if not self._folders[folder] or (path.is_symlink() and not self._holds(path)):
            raise DataError(
                f"{path} is a link to {os.path.realpath(path)}, outside the dataset's folder "
                f"{self._root}",
                hint="copy the file, or make the whole dataset's folder a link",
            )

    def _holds(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self._root)


class _Matcher:
    """Matches paths with the regular expression of a pattern, in bounded time."""

    def __init__(self, layout: Layout, pattern: str, where: str) -> None:
        self._regex = _regex(layout, pattern, where)
        self._fault = (
            f"{where}: the regular expressions subject = {quoted(layout.subject)} and "
            f"image = {quoted(layout.image)} need too long on"
        )
        self._left = _MOST_S

    def places(self, inside: str) -> dict[str, str] | None:
        """What stands in the places of a path; None where it does not fit.

        Raises:
            CardError: the expression backtracks without end.
        """
        start = time.perf_counter()
        try:
            match = self._regex.fullmatch(inside, timeout=max(self._left, 0.01))
        except TimeoutError as error:
            raise CardError(
                f"{self._fault} {inside!r}", hint="write them without repeats inside repeats"
            ) from error
        # Only slow ones count, so that no number of files is too large.
        spent = time.perf_counter() - start
        self._left -= spent if spent > _SLOW_S else 0
        if match is None:
            return None
        # macOS parts an umlaut into a letter and dots; an image and its label may differ in that.
        return {name: normalize("NFC", text) for name, text in match.groupdict().items()}


def _variants(pattern: str) -> list[str]:
    """A pattern with and without what stands in brackets: ``a/[img/]b`` is a/img/b or a/b."""
    pieces = _OPTIONAL.split(pattern)
    choices = [(one,) if n % 2 == 0 else (one, "") for n, one in enumerate(pieces)]
    return ["".join(one) for one in itertools.product(*choices)]


def _regex(layout: Layout, pattern: str, where: str) -> regex.Pattern[str]:
    inner = {"subject": layout.subject, "image": layout.image}
    text, seen = "", set()
    pieces = _PLACE.split(pattern)
    for at, piece in enumerate(pieces):
        name = piece[1:-1]
        # Texts and places take turns: with no text between them, the next place begins here.
        beside = pieces[at + 2] if pieces[at + 1 : at + 2] == [""] and at + 2 < len(pieces) else ""
        if piece == "*":
            text += "[^/]*?" if beside else "[^/]*"
        elif piece.startswith("{"):
            inside = _expression(layout, name, beside)
            text += f"(?P={name})" if name in seen else f"(?P<{name}>{inside})"
            seen.add(name)
        else:
            suffix = _suffix(piece) if at == len(pieces) - 1 else ""
            text += re.escape(piece.removesuffix(suffix)) + f"(?i:{re.escape(suffix)})"
    for key, expression in inner.items():
        _refuse_costly(f"{where}: {key} = {quoted(expression)}", expression)
    try:
        re.compile(text)  # the package regex knows more than a card should need
        return regex.compile(text)
    except (re.error, regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise CardError(
            f"{where}: subject = {quoted(layout.subject)} is not a regular expression: {error}"
        ) from error


def _expression(layout: Layout, name: str, beside: str) -> str:
    """What may stand in a place, given the place directly after it, if any.

    A place without an expression of its own takes as little as fits, which beside another place
    would be one character: there a class is one of the card's where one fits, and a place takes
    what the ``*`` after it would.
    """
    own = {"subject": layout.subject, "image": layout.image}.get(name, _ANY)
    if not beside or own != _ANY:
        return own
    if name == "class":
        longest_first = sorted([*layout.normal, *layout.abnormal], key=len, reverse=True)
        return "|".join([*map(re.escape, longest_first), "[^/]+"])  # others are counted as well
    return "[^/]+" if beside == "*" else own


def _refuse_costly(what: str, expression: str) -> None:
    """Refuse expressions that take much memory already when they are compiled.

    Raises:
        CardError: too long, or repeats that multiply to a large number.
    """
    if len(expression) > _MOST_CHARACTERS:
        raise CardError(f"{what} is longer than {_MOST_CHARACTERS} characters")
    repeats = 1
    for counts in _COUNTED.findall(expression):
        if any(len(one) > len(str(_MOST_REPEATS)) for one in counts):
            repeats = _MOST_REPEATS + 1
            break
        repeats *= max(1, *(int(one) for one in counts if one))
    if repeats > _MOST_REPEATS:
        raise CardError(f"{what} repeats something more than {_MOST_REPEATS} times")
