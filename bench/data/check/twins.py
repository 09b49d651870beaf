"""Find images with the same bytes under two names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.data.cache.fingerprint import fingerprint_files
from bench.data.cache.unpacked import Row, fingerprint_rows
from bench.data.find.contents import Content, contents
from bench.data.find.index import Index
from bench.data.find.splits import members
from bench.data.findings import Finding, some
from bench.data.read.formats import companions
from bench.errors import DataError


def same_content(index: Index, cache: Path) -> tuple[list[Finding], set[frozenset[str]]]:
    """Compare all images of a dataset by their bytes.

    Args:
        index: of the dataset.
        cache: the cache folder, for fingerprints.

    Returns:
        Findings, and the pairs of images with the same bytes, as they are called.
    """
    subjects = [one for match in index.matches for one in match.subjects.values()]
    readable = [path for one in subjects for path in one.modality_of if _readable(path)]
    shas = fingerprint_files(readable, cache)
    try:
        rows: dict[Row, str] = fingerprint_rows(subjects, cache)
    except DataError:
        rows = {}  # reported when the subject is checked
    # Layouts may share files.
    images = {one.where: one for subject in subjects for one in contents(subject, shas, rows)}
    groups: dict[str, list[Content]] = {}
    for one in images.values():
        groups.setdefault(one.sha, []).append(one)
    twins = [group for group in groups.values() if len(group) > 1]
    names = [[one.where for one in group[:100]] for group in twins]
    pairs = {frozenset(pair) for group in names for pair in itertools.combinations(group, 2)}
    files = [group for group in twins if not any(one.in_array for one in group)]
    arrays = [group for group in twins if any(one.in_array for one in group)]
    return [*_files(files), *_arrays(arrays, _sides(index))], pairs


def _files(groups: Sequence[Sequence[Content]]) -> Iterator[Finding]:
    for group in groups:
        first, *others = group
        owners = {(one.subject, one.modality, one.abnormal) for one in group}
        classes = _two_classes(group)
        said = ", of a normal and of an abnormal class" if classes else ""
        remedy = "nothing, or remove one; it counts twice"
        if len(owners) > 1:
            remedy = "find out whose image it is and remove the other file"
        if classes:
            remedy = "find out which class it has and remove the other file"
        yield Finding(
            "error" if len(owners) > 1 else "warning",
            first.where,
            f"the same image as {', '.join(one.where for one in others)}{said}",
            remedy,
        )


def _arrays(groups: Sequence[Sequence[Content]], sides: dict[str, str]) -> Iterator[Finding]:
    """Images in arrays have no people: an image twice on one side only counts twice."""
    kinds: dict[str, list[str]] = {"classes": [], "sides": [], "twice": []}
    for group in groups:
        kind = "sides" if len({sides.get(one.subject, "") for one in group} - {""}) > 1 else "twice"
        kind = "classes" if _two_classes(group) else kind
        kinds[kind].append(" and ".join(one.where for one in group[:3]))
    for kind, severity, problem, remedy in (
        ("classes", "error", "are in a normal and in an abnormal class",
         "find out which class they have, and name the others in `exclude` of the card"),
        ("sides", "error", "are on two sides of a split",
         "name those of one side in `exclude` of the card"),
        ("twice", "warning", "are there twice", "nothing; each counts as often as it is there"),
    ):  # fmt: skip
        found = kinds[kind]
        if found:
            yield Finding(
                "error" if severity == "error" else "warning",
                "arrays",
                f"{len(found)} images {problem}: {some(found)}",
                remedy,
            )


def _sides(index: Index) -> dict[str, str]:
    """The split of each subject; the first that takes it."""
    return {
        subject: split
        for split in reversed([*index.card.splits])
        for subject in members(index.card, split, index.subjects)
    }


def _two_classes(group: Sequence[Content]) -> bool:
    return {False, True} <= {one.abnormal for one in group}


def _readable(path: Path) -> bool:
    try:
        companions(path)
        with path.open("rb"):
            return True
    except (OSError, DataError):
        return False  # reported when the subject is checked
