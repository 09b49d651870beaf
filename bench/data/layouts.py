"""Which files of a folder belong to which subject, by the patterns of a card's layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cards import Layout
from bench.errors import CardError, DataError

# An id becomes part of file names in the run store, so it must be harmless there.
_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class SubjectFiles:
    """The files of one subject.

    Attributes:
        dataset: name of the card.
        subject: id within the dataset; letters, digits and ``_.+-`` only.
        images: file per modality, only those that are there.
        label: label volume, if there is one.
        mask: given foreground mask, if there is one.
    """

    dataset: str
    subject: str
    images: dict[str, Path]
    label: Path | None = None
    mask: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files, sorted."""
        given = [one for one in (self.label, self.mask) if one is not None]
        return tuple(sorted([*self.images.values(), *given]))

    def roles(self, channels: Sequence[str], *, with_label: bool) -> Iterator[tuple[str, Path]]:
        """The files that a selection uses, each with its role.

        Args:
            channels: modalities, all present.
            with_label: whether the label is used.

        Yields:
            ``("image 0 T1", path)``, ``("label", path)``, ``("mask", path)``.
        """
        for position, channel in enumerate(channels):
            yield f"image {position} {channel}", self.images[channel]
        if with_label and self.label is not None:
            yield "label", self.label
        if self.mask is not None:
            yield "mask", self.mask


@dataclass(frozen=True)
class Match:
    """What one layout finds in a folder.

    Attributes:
        subjects: files by subject id, sorted by id.
        doubles: files of which only one was expected, by (subject id, role); a role is a
            modality, ``label`` or ``mask``. They are in none of ``subjects``.
    """

    layout: Layout
    subjects: dict[str, SubjectFiles]
    doubles: dict[tuple[str, str], tuple[Path, ...]] = field(default_factory=dict)

    def patterns(self, channels: Sequence[str], *, with_label: bool) -> dict[str, str]:
        """The pattern of each file that a selection needs, by role."""
        needed = {channel: self.layout.images[channel] for channel in channels}
        if with_label and self.layout.label is not None:
            needed["label"] = self.layout.label
        if self.layout.mask is not None:
            needed["mask"] = self.layout.mask
        return needed

    def missing(self, subject: str, channels: Sequence[str], *, with_label: bool) -> list[str]:
        """The roles that a subject has no file for."""
        needed = self.patterns(channels, with_label=with_label)
        files = self.subjects.get(subject)
        return [role for role in needed if files is None or file_of(files, role) is None]


def file_of(files: SubjectFiles, role: str) -> Path | None:
    """A subject's file by role: a modality, ``label`` or ``mask``."""
    if role == "label":
        return files.label
    if role == "mask":
        return files.mask
    return files.images.get(role)


def check_id(subject: str, where: str) -> str:
    """Refuse an id that could not be part of a file name.

    Raises:
        CardError: it has other characters than letters, digits and ``_.+-``.
    """
    if not _SAFE_ID.fullmatch(subject):
        raise CardError(
            f"{where}: subject id {subject!r} may hold only letters, digits and _.+- and must"
            " not begin with a sign",
            hint="narrow the regular expression `subject` of the card's layout",
        )
    return subject


def match_layout(dataset: str, layout: Layout, root: Path) -> Match:
    """Find the files of a layout.

    Args:
        dataset: name of the card.
        layout: patterns relative to ``root``.
        root: an existing folder.

    Raises:
        CardError: a pattern cannot be used, or gives an id that cannot be part of a file name.
        DataError: the folder cannot be read.
    """
    roles = {**layout.images}
    roles |= {"label": layout.label} if layout.label is not None else {}
    roles |= {"mask": layout.mask} if layout.mask is not None else {}
    found: dict[str, dict[str, list[Path]]] = {}
    for role, pattern in roles.items():
        for subject, path in _matches(dataset, layout, pattern, root):
            found.setdefault(subject, {}).setdefault(role, []).append(path)
    subjects: dict[str, SubjectFiles] = {}
    doubles: dict[tuple[str, str], tuple[Path, ...]] = {}
    for subject in sorted(found):
        paths = found[subject]
        one = {role: paths[role][0] for role in paths if len(paths[role]) == 1}
        doubles |= {(subject, r): tuple(paths[r]) for r in paths if len(paths[r]) > 1}
        subjects[subject] = SubjectFiles(
            dataset=dataset,
            subject=subject,
            images={modality: one[modality] for modality in layout.images if modality in one},
            label=one.get("label"),
            mask=one.get("mask"),
        )
    return Match(layout, subjects, doubles)


def _matches(dataset: str, layout: Layout, pattern: str, root: Path) -> list[tuple[str, Path]]:
    where = f"card {dataset!r}, layout {layout.name!r}"
    parts = pattern.split("/")
    if "{subject}" not in pattern or pattern.startswith("/") or ".." in parts or "**" in pattern:
        raise CardError(
            f"{where}: pattern {pattern!r} must be relative, hold {{subject}} and neither .. nor **"
        )
    regex = _regex(layout.subject, pattern, where)
    try:
        candidates = sorted(root.glob(pattern.replace("{subject}", "*")))
    except OSError as error:
        raise DataError(f"cannot read {root}: {error.strerror or error}") from error
    found = []
    for path in candidates:
        inside = path.relative_to(root)
        match = regex.fullmatch(inside.as_posix())
        # Hidden files are a file manager's or macOS's companions of real ones.
        hidden = any(part.startswith(".") for part in inside.parts)
        if match and not hidden and path.is_file():
            found.append((check_id(match["subject"], f"{where}, file {path}"), path))
    return found


def _regex(subject: str, pattern: str, where: str) -> re.Pattern[str]:
    pieces = re.split(r"(\{subject\}|\*)", pattern)
    text, seen = "", False
    for piece in pieces:
        if piece == "*":
            text += "[^/]*"
        elif piece == "{subject}":
            text += "(?P=subject)" if seen else f"(?P<subject>{subject})"
            seen = True
        else:
            text += re.escape(piece)
    try:
        return re.compile(text)
    except re.error as error:
        raise CardError(
            f"{where}: subject = {subject!r} is no regular expression: {error}"
        ) from error
