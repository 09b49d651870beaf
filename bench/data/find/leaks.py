"""Subjects, and images under two names, on two sides of a split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.data.find.selection import Selection
from bench.errors import SplitError

# A message names so many subjects or images that are on two sides, and counts the others.
_SHOWN_DOUBLES = 20


def refuse_overlap(
    train: Selection,
    validation: Selection | None,
    test: Selection,
    fingerprints: Mapping[Path, str],
) -> None:
    """Refuse a subject, or the same image under two names, on two sides of a split.

    Args:
        train: subjects to learn from.
        validation: normal subjects to calibrate on, if there are any.
        test: subjects to test on.
        fingerprints: sha256 of the image files; files that are not in it are compared by
            subject only.

    Raises:
        SplitError: naming all of them, up to a number, with both sides.
    """
    sides = {"training": train, "validation": validation, "test": test}
    subjects: dict[tuple[str, str], str] = {}
    contents: dict[str, tuple[str, Path]] = {}
    people: list[str] = []
    twins: list[str] = []
    for side, selection in sides.items():
        for one in selection.present if selection is not None else ():
            other = subjects.setdefault((one.dataset, one.subject), side)
            if other != side:
                people.append(
                    f"subject {one.subject!r} of {one.dataset!r} is in {other} and in {side}"
                )
                continue
            for path in (p for p in one.modality_of if p in fingerprints):
                other, twin = contents.setdefault(fingerprints[path], (side, path))
                if other != side:
                    twins.append(f"{twin} ({other}) and {path} ({side}) are the same image")
    if people:
        raise SplitError(
            _listed(people, "subjects"), hint="give each subject one side in the card's [splits]"
        )
    if twins:
        names = sorted({one.dataset for one in (*train.present, *test.present)})
        raise SplitError(
            _listed(twins, "images"),
            hint="find out whose image each is and remove the other file; all pairs are named by: "
            + ", ".join(f"bench data check {one}" for one in names),
        )


def _listed(doubles: list[str], what: str) -> str:
    """The only one, or how many there are and the first of them."""
    if len(doubles) == 1:
        return doubles[0]
    more = len(doubles) - _SHOWN_DOUBLES
    return (
        f"{len(doubles)} {what} are on two sides:\n  "
        + "\n  ".join(doubles[:_SHOWN_DOUBLES])
        + (f"\n  and {more} more" if more > 0 else "")
    )
