"""Which 2-D images of a folder belong to which subject, with their classes and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cards import Layout
from bench.data.files import ImageFiles, Match, SubjectFiles, check_id
from bench.data.find.class_tables import image_classes
from bench.data.find.patterns import Found, matches

# Files of these kinds can be 2-D images; a pattern may leave the suffix open.
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy"}


def match_images(dataset: str, layout: Layout, root: Path) -> Match:
    """What a layout of 2-D images finds; the arguments and errors of `match_layout`."""
    classes = image_classes(root, layout.table) if layout.table is not None else None
    beside = {
        role: _Beside.of(matches(dataset, layout, pattern, root))
        for role, pattern in (("label", layout.label), ("mask", layout.mask))
        if pattern is not None
    }
    taken = {path for one in beside.values() for paths in one.files.values() for path in paths}
    found: dict[tuple[str, str], dict[str, list[Found]]] = {}
    strays: list[Path] = []
    for modality, pattern in layout.images.items():
        for one in matches(dataset, layout, pattern, root):
            if one.path in taken or one.path.suffix.lower() not in IMAGE_SUFFIXES:
                continue
            if _abnormal(layout, one, classes) == "stray":
                strays.append(one.path)
                continue
            subject = layout.id.format_map(one.places)
            check_id(subject, f"card {dataset!r}, file {one.path}")
            name = "-".join(filter(None, map(one.get, ("part", "class", "image")))) or subject
            found.setdefault((subject, name), {}).setdefault(modality, []).append(one)
    of_subject: dict[str, list[ImageFiles]] = {}
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
        of_subject.setdefault(subject, []).append(
            ImageFiles(
                name=name,
                paths=images,
                label=single.get("label"),
                mask=single.get("mask"),
                abnormal=None if abnormal == "unknown" else abnormal == "abnormal",
                part=first.get("part"),
            )
        )
    lesions = {one.label for some in of_subject.values() for one in some if one.abnormal}
    subjects = {
        subject: SubjectFiles(
            dataset, subject, {}, image_files=tuple(_own_label(one, lesions) for one in some)
        )
        for subject, some in of_subject.items()
    }
    return Match(layout, subjects, doubles, strays=tuple(strays))


def _own_label(image: ImageFiles, lesions: set[Path | None]) -> ImageFiles:
    """Of good/01 and bad/01, the one label/01 belongs to the abnormal image."""
    if image.abnormal is False and image.label in lesions:
        return replace(image, label=None)
    return image


@dataclass(frozen=True)
class _Beside:
    """Labels or masks, found by those places of an image's pattern that theirs shares."""

    places: tuple[str, ...]
    files: dict[tuple[str, ...], list[Path]]

    @classmethod
    def of(cls, found: Iterator[Found]) -> _Beside:
        places: tuple[str, ...] = ()
        files: dict[tuple[str, ...], list[Path]] = {}
        for one in found:
            if one.path.suffix.lower() in IMAGE_SUFFIXES:
                places = tuple(sorted(one.places))
                files.setdefault(tuple(map(one.get, places)), []).append(one.path)
        return cls(places, files)

    def paths(self, image: Found) -> list[Path]:
        return self.files.get(tuple(map(image.get, self.places)), [])


def _abnormal(layout: Layout, file: Found, classes: dict[str, str] | None) -> str:
    """``normal``, ``abnormal``, ``unknown`` without classes, or ``stray`` outside them."""
    if not (layout.normal or layout.abnormal):
        return "unknown"
    name = file.get("class") if classes is None else classes.get(file.get("image"), "")
    if name in layout.normal:
        return "normal"
    return "abnormal" if name in layout.abnormal else "stray"
