"""Find images with the same bytes under two names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.data.cache.fingerprint import fingerprint_files, kind_of
from bench.data.cache.unpacked import Row, fingerprint_rows
from bench.data.find.contents import (
    Content,
    contents,
    of_two_classes,
    of_two_owners,
    twice_finding,
)
from bench.data.find.index import Index
from bench.data.find.splits import members
from bench.data.findings import Finding, some
from bench.data.read.formats import Kind, companions
from bench.errors import DataError, counted


def same_content(index: Index, cache: Path) -> tuple[list[Finding], set[frozenset[str]]]:
    """Compare all images of a dataset by their bytes.

    Args:
        index: of the dataset.
        cache: the cache folder, for fingerprints.

    Returns:
        Findings, and the pairs of images with the same bytes, as they are called.
    """
    subjects = [one for match in index.matches for one in match.subjects.values()]
    kind = kind_of(subjects)
    readable = [path for one in subjects for path in one.modality_of if _readable(path, kind)]
    shas = fingerprint_files(readable, cache, kind=kind)
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
    sides = _sides(index)
    wrong = [group for group in twins if _is_wrong(group, sides)]
    files = [group for group in wrong if not any(one.in_array for one in group)]
    arrays = [group for group in wrong if any(one.in_array for one in group)]
    twice = [group for group in twins if not _is_wrong(group, sides)]
    return [*_files(files), *_arrays(arrays), *twice_finding(twice)], pairs


def _is_wrong(group: Sequence[Content], sides: Mapping[str, str]) -> bool:
    """Whether a run refuses the image: of two classes or owners, or on two sides of a split."""
    used = {sides.get(one.subject, "") for one in group} - {""}
    owners = of_two_owners(group) and not any(one.in_array for one in group)
    return of_two_classes(group) or owners or len(used) > 1


def _files(groups: Sequence[Sequence[Content]]) -> Iterator[Finding]:
    for group in groups:
        first, *others = group
        classes = of_two_classes(group)
        said = ", of a normal and of an abnormal class" if classes else ""
        what = "which class it has" if classes else "whose image it is"
        yield Finding(
            "error",
            first.where,
            f"the same image as {', '.join(one.where for one in others)}{said}",
            f"find out {what} and remove or exclude the other file",
        )


def _arrays(groups: Sequence[Sequence[Content]]) -> Iterator[Finding]:
    """Images in arrays, many of them in one line."""
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for group in groups:
        kinds[of_two_classes(group)].append(" and ".join(one.where for one in group[:3]))
    for classes, problem, remedy in (
        (True, "in a normal and in an abnormal class",
         "find out which class they have, and name the others in `exclude` of the card"),
        (False, "on two sides of a split", "name those of one side in `exclude` of the card"),
    ):  # fmt: skip
        found = kinds[classes]
        if found:
            yield Finding(
                "error",
                "arrays",
                f"{counted(len(found), 'image', 'are')} {problem}: {some(found)}",
                remedy,
            )


def _sides(index: Index) -> dict[str, str]:
    """The split of each subject; the first that takes it."""
    return {
        subject: split
        for split in reversed([*index.card.splits])
        for subject in members(index.card, split, index.subjects)
    }


def _readable(path: Path, kind: Kind) -> bool:
    try:
        companions(path, kind)
        with path.open("rb"):
            return True
    except (OSError, DataError):
        return False  # reported when the subject is checked
