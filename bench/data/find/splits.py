"""Which subjects, and which of their images, belong to a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.cards import Bucket, DatasetCard, Part, Split
from bench.data.files import SubjectFiles, check_id


def split_ids(card: DatasetCard, split: str) -> list[str]:
    """The ids a split lists; none where a rule chooses them.

    Raises:
        CardError: an id cannot be part of a file name.
    """
    subjects = card.splits[split].subjects
    if not isinstance(subjects, list):
        return []
    return [check_id(one, f"card {card.name!r}, split {split!r}") for one in subjects]


def members(card: DatasetCard, split: str, present: Mapping[str, SubjectFiles]) -> list[str]:
    """The ids of a split, sorted: those it lists, or those present that its rule takes.

    A subject without any image that the split may use (a patient without a normal image, in a
    lesion-free split) is not a member.
    """
    side = card.splits[split]
    if isinstance(side.subjects, list):
        return sorted(set(split_ids(card, split)))
    return [
        name
        for name, files in present.items()
        if _takes(card, side, files)
        and (not files.image_files or restricted(files, side).image_files)
    ]


def restricted(files: SubjectFiles, side: Split) -> SubjectFiles:
    """A subject with only those of its images that a split may use.

    Where only a label can tell whether an image is normal, it stays; preparation drops it.
    """
    if not files.image_files:
        return files
    part = side.subjects.part if isinstance(side.subjects, Part) else None
    kept = tuple(
        one
        for one in files.image_files
        if (part is None or one.part == part)
        and not (side.slices == "lesion-free" and one.abnormal is True)
    )
    return replace(files, image_files=kept)


def _takes(card: DatasetCard, side: Split, files: SubjectFiles) -> bool:
    if side.subjects == "all":
        return True
    if side.subjects == "rest":
        others = [one for one in card.splits.values() if one.subjects not in ("all", "rest")]
        return not any(_claims(one, files) for one in others)
    return _claims(side, files)


def _claims(side: Split, files: SubjectFiles) -> bool:
    """Whether a split's own rule takes a subject."""
    if isinstance(side.subjects, Bucket):
        return side.subjects.holds(files.subject)
    if isinstance(side.subjects, Part):
        return any(one.part == side.subjects.part for one in files.image_files)
    return files.subject in side.subjects
