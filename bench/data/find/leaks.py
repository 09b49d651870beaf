"""Subjects, and images under two names, on two sides of a split or of two subjects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.data.cache.unpacked import Row
from bench.data.find.contents import (
    Content,
    contents,
    of_two_classes,
    of_two_owners,
    twice_finding,
)
from bench.data.find.selection import Selection
from bench.data.findings import Finding
from bench.errors import DataError, SplitError

# A message names so many subjects or images that are on two sides, and counts the others.
_SHOWN_DOUBLES = 20


def refuse_overlap(
    train: Selection,
    validation: Selection | None,
    test: Selection,
    fingerprints: Mapping[Path, str],
    rows: Mapping[Row, str] | None = None,
) -> None:
    """Refuse a subject, or the same image under two names, on two sides of a split.

    Also, on whatever side, the same image in a normal and in an abnormal class, of two subjects,
    or as two modalities.

    Args:
        train: subjects to learn from.
        validation: normal subjects to calibrate on, if there are any.
        test: subjects to test on.
        fingerprints: sha256 of the image files; files that are not in it are compared by
            subject only.
        rows: sha256 of the images in arrays.

    Raises:
        SplitError: naming all of them, up to a number, with both sides.
        DataError: an image has two classes, or is of two subjects or two modalities.
    """
    sides = {"training": train, "validation": validation, "test": test}
    subjects: dict[tuple[str, str], str] = {}
    images: dict[str, tuple[str, Content]] = {}
    people: list[str] = []
    twins: list[str] = []
    classes: list[str] = []
    owners: list[str] = []
    for side, selection in sides.items():
        for one in selection.present if selection is not None else ():
            other = subjects.setdefault((one.dataset, one.subject), side)
            if other != side:
                people.append(
                    f"subject {one.subject!r} of {one.dataset!r} is in {other} and in {side}"
                )
                continue
            for image in contents(one, fingerprints, rows or {}):
                other, twin = images.setdefault(image.sha, (side, image))
                if other != side:
                    twins.append(
                        f"{twin.where} ({other}) and {image.where} ({side}) are the same image"
                    )
                elif twin is not image and of_two_owners((twin, image)):
                    owners.append(
                        f"{twin.where} ({_owner(twin)}) and {image.where} ({_owner(image)}) are the"
                        " same image"
                    )
                if of_two_classes((twin, image)):
                    classes.append(
                        f"{twin.where} and {image.where} are the same image, of a normal and of an"
                        " abnormal class"
                    )
    if people:
        raise SplitError(
            _listed(people, "subjects are on two sides"),
            hint="give each subject one side in the card's [splits]",
        )
    names = sorted({one.dataset for one in (*train.present, *test.present)})
    check = ", ".join(f"bench data check {one}" for one in names)
    if classes:
        raise DataError(
            _listed(classes, "images have two classes"),
            hint="find out which class each has and remove or exclude the other; all are named by: "
            + check,
        )
    if owners:
        raise DataError(
            _listed(owners, "images have two owners"),
            hint="find out whose image each is and remove or exclude the other; all are named by: "
            + check,
        )
    if twins:
        raise SplitError(
            _listed(twins, "images are on two sides"),
            hint="find out whose image each is and remove or exclude the other; all pairs are named"
            f" by: {check}",
        )


def twice(
    sides: Iterable[Selection], fingerprints: Mapping[Path, str], rows: Mapping[Row, str]
) -> Iterator[Finding]:
    """Images that are on one side more than once, where that is not an error.

    Args:
        sides: that `refuse_overlap` let pass.
        fingerprints: as there.
        rows: as there.
    """
    groups: dict[tuple[int, str], list[Content]] = defaultdict(list)
    for number, side in enumerate(sides):
        for one in side.present:
            for image in contents(one, fingerprints, rows):
                groups[number, image.sha].append(image)
    yield from twice_finding([group for group in groups.values() if len(group) > 1])


def _owner(image: Content) -> str:
    return f"{image.modality} of {image.subject}"


def _listed(doubles: list[str], what: str) -> str:
    """The only one, or how many there are and the first of them."""
    if len(doubles) == 1:
        return doubles[0]
    more = len(doubles) - _SHOWN_DOUBLES
    return (
        f"{len(doubles)} {what}:\n  "
        + "\n  ".join(doubles[:_SHOWN_DOUBLES])
        + (f"\n  and {more} more" if more > 0 else "")
    )
