"""Which subjects, and which of their images, belong to a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from bench.cards import Bucket, DatasetCard, Part, Split
from bench.data.files import SubjectFiles, safe_id


def split_ids(card: DatasetCard, split: str) -> list[str]:
    """The ids a split lists; none where a rule chooses them.

    Raises:
        CardError: an id is empty.
    """
    subjects = card.splits[split].subjects
    if not isinstance(subjects, list):
        return []
    return [safe_id(one, f"card {card.name!r}, split {split!r}") for one in subjects]


def members(card: DatasetCard, split: str, present: Mapping[str, SubjectFiles]) -> list[str]:
    """The ids of a split, sorted: those it lists, or those present that its rule takes.

    A subject without any image that the split may use (a patient without a normal image, in a
    lesion-free split) is not a member. Neither is one that the card excludes.
    """
    side = card.splits[split]
    return [
        name
        for name in claimed(card, split, present)
        if isinstance(side.subjects, list)
        or not present[name].image_files
        or restricted(present[name], side).image_files
    ]


def claimed(card: DatasetCard, split: str, present: Mapping[str, SubjectFiles]) -> list[str]:
    """As `members`, including subjects of which the split uses no image."""
    side = card.splits[split]
    if isinstance(side.subjects, list):
        return sorted({*split_ids(card, split)} - {*excluded_ids(card, split)})
    some_normal = any(not has_abnormal(files) for files in present.values())
    return [name for name, files in present.items() if _takes(card, side, files, some_normal)]


def excluded_ids(card: DatasetCard, split: str) -> list[str]:
    """The ids of a split's list that the card excludes."""
    given = card.splits[split].subjects
    if not isinstance(given, list):
        return []
    where = f"card {card.name!r}, split {split!r}"
    return [
        safe_id(one, where)
        for one in given
        if any(
            fnmatchcase(name, entry)
            for entry in card.exclude
            for name in (one, safe_id(one, where))
        )
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


def with_truth(files: SubjectFiles) -> SubjectFiles:
    """A subject without those of its images of which nothing says if they are abnormal.

    A subject of whom nothing is said stays as it is: it lacks the truth as a whole.
    """
    known = tuple(one for one in files.image_files if not one.lacks_truth)
    return replace(files, image_files=known) if known else files


def has_abnormal(files: SubjectFiles) -> bool:
    """Whether a subject has an image with a lesion, by what is known without reading a label.

    A volume has one if it has a label, in a dataset where a missing label means healthy.
    """
    if files.image_files:
        return any(one.abnormal for one in files.image_files)
    return files.labels_mean_lesions and files.label is not None


def _takes(card: DatasetCard, side: Split, files: SubjectFiles, some_normal: bool) -> bool:
    if side.subjects == "all":
        return True
    if side.subjects == "rest":
        others = [one for one in card.splits.values() if one.subjects not in ("all", "rest")]
        return not any(_claims(one, files, some_normal) for one in others)
    return _claims(side, files, some_normal)


def _claims(side: Split, files: SubjectFiles, some_normal: bool) -> bool:
    """Whether a split's own rule takes a subject."""
    if isinstance(side.subjects, Bucket):
        if side.subjects.abnormal != "divided" and some_normal and has_abnormal(files):
            return side.subjects.abnormal == "all"
        return side.subjects.holds(files.subject)
    if isinstance(side.subjects, Part):
        return any(one.part == side.subjects.part for one in files.image_files)
    return files.subject in {safe_id(one, "split") for one in side.subjects}
