"""The files that fit a pattern of a layout."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.cards import Layout
from bench.errors import CardError, DataError

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"(\{\w+\}|\*)")


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
    parts = pattern.split("/")
    told_apart = "{subject}" in pattern or "{image}" in pattern
    if not told_apart or pattern.startswith("/") or ".." in parts or "**" in pattern:
        raise CardError(
            f"{where}: pattern {pattern!r} must be relative, hold {{subject}} and neither .. nor **"
        )
    seen: set[Path] = set()
    for one in _variants(pattern):
        regex = _regex(layout, one, where)
        try:
            candidates = sorted(root.glob(_PLACE.sub("*", one)))
        except OSError as error:
            raise DataError(f"cannot read {root}: {error.strerror or error}") from error
        for path in candidates:
            inside = path.relative_to(root)
            match = regex.fullmatch(inside.as_posix())
            # Hidden files are a file manager's or macOS's companions of real ones.
            hidden = any(part.startswith(".") for part in inside.parts)
            if match and not hidden and path not in seen and path.is_file():
                seen.add(path)
                yield Found(path, match.groupdict())


def _variants(pattern: str) -> list[str]:
    """A pattern with and without what stands in brackets: ``a/[img/]b`` is a/img/b or a/b."""
    pieces = _OPTIONAL.split(pattern)
    choices = [(one,) if n % 2 == 0 else (one, "") for n, one in enumerate(pieces)]
    return ["".join(one) for one in itertools.product(*choices)]


def _regex(layout: Layout, pattern: str, where: str) -> re.Pattern[str]:
    inner = {"subject": layout.subject, "image": layout.image}
    text, seen = "", set()
    for piece in _PLACE.split(pattern):
        name = piece[1:-1]
        if piece == "*":
            text += "[^/]*"
        elif piece.startswith("{"):
            text += f"(?P={name})" if name in seen else f"(?P<{name}>{inner.get(name, '[^/]+?')})"
            seen.add(name)
        else:
            text += re.escape(piece)
    try:
        return re.compile(text)
    except re.error as error:
        raise CardError(
            f"{where}: subject = {layout.subject!r} is not a regular expression: {error}"
        ) from error
