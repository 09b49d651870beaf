"""Which files of a folder belong to which subject, by the patterns of a card's layout."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cards import Layout
from bench.data.files import Match, Picture, SubjectFiles, check_id
from bench.data.find.class_tables import image_classes, medmnist_parts
from bench.errors import CardError, DataError

# Files of these kinds can be 2-D images; a pattern may leave the suffix open.
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy"}

_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_PLACE = re.compile(r"(\{\w+\}|\*)")


@dataclass(frozen=True)
class _Found:
    """A file that fits a pattern, with what stands in the pattern's places."""

    path: Path
    places: dict[str, str]

    def get(self, place: str) -> str:
        return self.places.get(place, "")


def match_layout(dataset: str, layout: Layout, root: Path) -> Match:
    """Find the files of a layout.

    Args:
        dataset: name of the card.
        layout: patterns relative to ``root``.
        root: an existing folder.

    Raises:
        CardError: a pattern cannot be used, or gives an id that cannot be part of a file name.
        DataError: the folder, or a table in it, cannot be read.
    """
    if layout.kind == "volumes":
        return _match_volumes(dataset, layout, root)
    if layout.kind == "images":
        return _match_images(dataset, layout, root)
    return _match_medmnist(dataset, layout, root)


def _patterns(layout: Layout) -> dict[str, str]:
    roles = {**layout.images}
    roles |= {"label": layout.label} if layout.label is not None else {}
    roles |= {"mask": layout.mask} if layout.mask is not None else {}
    return roles


# --- volumes ------------------------------------------------------------------------------------


def _match_volumes(dataset: str, layout: Layout, root: Path) -> Match:
    found: dict[str, dict[str, dict[str, list[Path]]]] = {}
    for role, pattern in _patterns(layout).items():
        for one in _matches(dataset, layout, pattern, root):
            subject = check_id(one.get("subject"), f"card {dataset!r}, file {one.path}")
            visits = found.setdefault(subject, {})
            visits.setdefault(one.get("visit"), {}).setdefault(role, []).append(one.path)
    subjects: dict[str, SubjectFiles] = {}
    doubles: dict[tuple[str, str], tuple[Path, ...]] = {}
    left_out: dict[str, tuple[str, ...]] = {}
    for subject, visits in sorted(found.items()):
        most = max(len(roles) for roles in visits.values())
        first = min(visit for visit, roles in visits.items() if len(roles) == most)
        if len(visits) > 1:
            left_out[subject] = tuple(sorted({*visits} - {first}))
        paths = visits[first]
        one_each = {role: paths[role][0] for role in paths if len(paths[role]) == 1}
        doubles |= {(subject, r): tuple(paths[r]) for r in paths if len(paths[r]) > 1}
        subjects[subject] = SubjectFiles(
            dataset=dataset,
            subject=subject,
            images={name: one_each[name] for name in layout.images if name in one_each},
            label=one_each.get("label"),
            mask=one_each.get("mask"),
        )
    return Match(layout, subjects, doubles, left_out)


# --- 2-D images ---------------------------------------------------------------------------------


def _match_images(dataset: str, layout: Layout, root: Path) -> Match:
    classes = image_classes(root, layout.table) if layout.table is not None else None
    beside = {
        role: _Beside.of(_matches(dataset, layout, pattern, root))
        for role, pattern in (("label", layout.label), ("mask", layout.mask))
        if pattern is not None
    }
    taken = {path for one in beside.values() for paths in one.files.values() for path in paths}
    found: dict[tuple[str, str], dict[str, list[_Found]]] = {}
    strays: list[Path] = []
    for modality, pattern in layout.images.items():
        for one in _matches(dataset, layout, pattern, root):
            if one.path in taken or one.path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            if _abnormal(layout, one, classes) == "stray":
                strays.append(one.path)
                continue
            subject = layout.id.format_map(one.places)
            check_id(subject, f"card {dataset!r}, file {one.path}")
            name = "-".join(filter(None, map(one.get, ("part", "class", "image")))) or subject
            found.setdefault((subject, name), {}).setdefault(modality, []).append(one)
    pictures: dict[str, list[Picture]] = {}
    doubles: dict[tuple[str, str], tuple[Path, ...]] = {}
    for (subject, name), files in sorted(found.items()):
        first = next(iter(files.values()))[0]
        paths = {modality: [one.path for one in some] for modality, some in files.items()}
        paths |= {role: one.paths(first) for role, one in beside.items()}
        for role, some in paths.items():
            if len(some) > 1:
                doubles[subject, role] = (*doubles.get((subject, role), ()), *some)
        single = {role: some[0] for role, some in paths.items() if len(some) == 1}
        images = {one: single[one] for one in layout.images if one in single}
        abnormal = _abnormal(layout, first, classes)
        pictures.setdefault(subject, []).append(
            Picture(
                name=name,
                images=images,
                label=single.get("label"),
                mask=single.get("mask"),
                abnormal=None if abnormal == "unknown" else abnormal == "abnormal",
                part=first.get("part"),
            )
        )
    lesions = {one.label for some in pictures.values() for one in some if one.abnormal}
    subjects = {
        subject: SubjectFiles(
            dataset, subject, {}, pictures=tuple(_own_label(one, lesions) for one in some)
        )
        for subject, some in pictures.items()
    }
    return Match(layout, subjects, doubles, strays=tuple(strays))


def _own_label(picture: Picture, lesions: set[Path | None]) -> Picture:
    """Of good/01 and bad/01, the one label/01 belongs to the abnormal image."""
    if picture.abnormal is False and picture.label in lesions:
        return replace(picture, label=None)
    return picture


@dataclass(frozen=True)
class _Beside:
    """Labels or masks, found by those places of an image's pattern that theirs shares."""

    places: tuple[str, ...]
    files: dict[tuple[str, ...], list[Path]]

    @classmethod
    def of(cls, found: Iterator[_Found]) -> _Beside:
        places: tuple[str, ...] = ()
        files: dict[tuple[str, ...], list[Path]] = {}
        for one in found:
            if one.path.suffix.lower() in IMAGE_SUFFIXES:
                places = tuple(sorted(one.places))
                files.setdefault(tuple(map(one.get, places)), []).append(one.path)
        return cls(places, files)

    def paths(self, image: _Found) -> list[Path]:
        return self.files.get(tuple(map(image.get, self.places)), [])


def _abnormal(layout: Layout, file: _Found, classes: dict[str, str] | None) -> str:
    """``normal``, ``abnormal``, ``unknown`` without classes, or ``stray`` outside them."""
    if not (layout.normal or layout.abnormal):
        return "unknown"
    name = file.get("class") if classes is None else classes.get(file.get("image"), "")
    if name in layout.normal:
        return "normal"
    return "abnormal" if name in layout.abnormal else "stray"


def _match_medmnist(dataset: str, layout: Layout, root: Path) -> Match:
    modality, name = next(iter(layout.images.items()))
    path = root / name
    if not path.is_file():
        return Match(layout, {})
    subjects: dict[str, SubjectFiles] = {}
    for part, labels in medmnist_parts(path).items():
        for start in range(0, len(labels), layout.block):
            rows = range(start, min(start + layout.block, len(labels)))
            subject = f"{part}-{start // layout.block:05d}"
            pictures = tuple(
                Picture(
                    name=f"{row:06d}",
                    images={modality: path},
                    abnormal=labels[row] not in layout.normal,
                    part=part,
                    row=row,
                )
                for row in rows
                if labels[row] in layout.normal or labels[row] in layout.abnormal
            )
            if pictures:
                subjects[subject] = SubjectFiles(dataset, subject, {}, pictures=pictures)
    return Match(layout, dict(sorted(subjects.items())))


# --- patterns -----------------------------------------------------------------------------------


def _matches(dataset: str, layout: Layout, pattern: str, root: Path) -> Iterator[_Found]:
    """The files that fit a pattern, sorted by path."""
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
                yield _Found(path, match.groupdict())


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
            f"{where}: subject = {layout.subject!r} is no regular expression: {error}"
        ) from error
