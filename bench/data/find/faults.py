"""What is wrong or odd about the files of a dataset, by their names alone: nothing is read.

`bench data check`, `bench plan` and `bench run` all say it, in the same words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.cards import Bucket, DatasetCard, Part, Split
from bench.data.files import ImageFiles, Match, SubjectFiles, Unread
from bench.data.find.index import Index
from bench.data.find.splits import (
    claimed,
    excluded_ids,
    has_abnormal,
    members,
    restricted,
    split_ids,
)
from bench.data.findings import Finding, some
from bench.errors import agreed, counted, counted_of


def file_findings(
    index: Index, match: Match, splits: Sequence[str], *, with_label: bool = True
) -> Iterator[Finding]:
    """What is found in the files of one layout.

    Args:
        index: of the dataset.
        match: one of its layouts.
        splits: those in use.
        with_label: whether labels are used.
    """
    names = _Names(index.root, f"layout {match.layout.name}")
    yield from _unread(index.card, match, splits, names, with_label)
    if with_label:
        yield from _labels(match, names)
    yield from _not_used(match, names)
    yield from _excluded(index.card, match, names)
    for split in splits:
        yield from _dropped(index.card, match, split)
        yield from _unseen_labels(index.card, match, split)


def absent_findings(index: Index, matches: Sequence[Match], split: str) -> Iterator[Finding]:
    """Subjects that a split lists and that are not there, or that the card excludes.

    Args:
        index: of the dataset.
        matches: its layouts in use.
        split: name of a split.
    """
    card, where = index.card, f"split {split}"
    listed = sorted({*split_ids(card, split)} - {*excluded_ids(card, split)})
    there = {s for one in matches for s, files in one.subjects.items() if files.modalities}
    absent = [one for one in listed if one not in there]
    if absent and card.generator is not None:
        yield Finding(
            "info",
            where,
            f"{counted_of(len(absent), len(listed), 'subject', 'are')} not made yet",
            f"nothing, the first run makes them; or bench data prepare {card.name}",
        )
    elif absent:
        yield Finding(
            "warning",
            where,
            f"{counted_of(len(absent), len(listed), 'subject', 'are')} absent: {some(absent)}",
            f"add them to {index.root}; else the tables say how many were present",
        )
    out = excluded_ids(card, split)
    if out:
        yield Finding(
            "info",
            where,
            f"{counted(len(out), 'listed subject', 'are')} excluded by the card: {some(out)}",
            "",
        )


def empty_findings(index: Index, split: str) -> Iterator[Finding]:
    """A split without ids of its own to which no subject that is there belongs."""
    side = index.card.splits[split]
    if members(index.card, split, index.subjects):
        return
    remedy = f"add the files to {index.root}"
    if isinstance(side.subjects, Bucket):
        remedy += (
            f", or let [splits.{split}] of the card take more of the {side.subjects.of} buckets, or"
            " list ids"
        )
    yield Finding(
        "warning",
        f"split {split}",
        f"no subject that is there belongs to it ({side.rule})",
        remedy,
    )


class _Names:
    """How findings name files.

    Args:
        root: the dataset's folder; files are named relative to it.
        where: the layout.
    """

    def __init__(self, root: Path, where: str) -> None:
        self._root, self.where = root, where

    def some(self, paths: Sequence[Path]) -> str:
        """The first of some files, and how many more there are."""
        return some([path.relative_to(self._root).as_posix() for path in paths], limit=3)


def _unread(
    card: DatasetCard, match: Match, splits: Sequence[str], names: _Names, with_label: bool
) -> Iterator[Finding]:
    remedy = "save them as PNG or TIFF, or move them away"
    by_role: dict[str, list[Unread]] = {}
    for one in match.unread:
        by_role.setdefault(one.role, []).append(one)
    for role, unread in by_role.items():
        if role == "label" and not with_label:
            continue
        suffixes = some(sorted({one.path.suffix or "no suffix" for one in unread}))
        shown = names.some([one.path for one in unread])
        if role in ("label", "mask"):
            read = sum(
                (getattr(one, role) is not None)
                for files in match.subjects.values()
                for one in files.image_files
            )
            yield Finding(
                "error",
                names.where,
                f"{counted_of(len(unread), len(unread) + read, role, 'have')} a suffix that is "
                f"not read ({suffixes}): {shown}",
                remedy,
            )
            continue
        placed = set[Path]()
        for split in splits:
            mine = [one for one in unread if _belongs(card, split, match, one)]
            placed |= {one.path for one in mine}
            read = sum(
                len(restricted(match.subjects[subject], card.splits[split]).image_files)
                for subject in members(card, split, match.subjects)
                if subject in match.subjects
            )
            if mine:
                yield Finding(
                    "error",
                    f"split {split}",
                    f"{counted_of(len(mine), len(mine) + read, f'{split} image', 'have')} a "
                    f"suffix that is not read ({suffixes}): "
                    f"{names.some([one.path for one in mine])}",
                    remedy,
                )
        others = [one.path for one in unread if one.path not in placed]
        if others:
            yield Finding(
                "warning",
                names.where,
                f"{counted(len(others), 'file', 'have')} a suffix that is not read: "
                f"{names.some(others)}",
                remedy,
            )


def _belongs(card: DatasetCard, split: str, match: Match, unread: Unread) -> bool:
    """Whether a split would use an image if it could be read."""
    one = ImageFiles("", {unread.role: unread.path}, abnormal=unread.abnormal, part=unread.part)
    others = match.subjects.get(unread.subject)
    own = (*others.image_files, one) if others is not None else (one,)
    files = SubjectFiles(card.name, unread.subject, {}, image_files=own)
    present = {**match.subjects, unread.subject: files}
    if unread.subject not in members(card, split, present):
        return False
    return one in restricted(files, card.splits[split]).image_files


def _labels(match: Match, names: _Names) -> Iterator[Finding]:
    shared = match.shared_labels
    if shared:
        first = next(iter(shared))
        yield Finding(
            "error",
            names.where,
            f"{counted(len(shared), 'label', 'fit')} more than one image: "
            f"{names.some([*shared])}; the first fits {some(shared[first], limit=3)}",
            "let the pattern `label` hold what tells the images apart, as {subject} or {class}",
        )
    unlabelled = [
        f"{files.subject}/{one.name}" if one.name != files.subject else one.name
        for files in match.subjects.values()
        for one in files.unlabelled
    ]
    if unlabelled:
        count = sum(bool(one.abnormal) for f in match.subjects.values() for one in f.image_files)
        yield Finding(
            "warning",
            names.where,
            f"{counted_of(len(unlabelled), count, 'abnormal image', 'have')} no label: "
            f"{some(unlabelled, limit=3)}",
            "add the labels; pixel protocols leave these images out",
        )
    unknown = [
        f"{files.subject}/{one.name}" if one.name != files.subject else one.name
        for files in match.subjects.values()
        for one in files.image_files
        if one.lacks_truth and not files.lacks_truth
    ]
    if unknown and match.layout.has_truth:
        yield Finding(
            "warning",
            names.where,
            f"{counted(len(unknown), 'image', 'have')} no label and no class, though others of "
            f"the same subjects have: {some(unknown, limit=3)}",
            "add the labels; where truth is needed these images are left out. If no label means no"
            " lesion, say unlabelled = 'healthy' in the card",
        )
    healthy = [name for name, files in match.subjects.items() if files.healthy]
    if healthy:
        yield Finding(
            "info",
            names.where,
            f"{counted_of(len(healthy), len(match.subjects), 'subject', 'have')} no label, which "
            f"the card calls healthy: {some(healthy, limit=3)}",
            "",
        )
    if match.orphans:
        yield Finding(
            "warning",
            names.where,
            f"{counted(len(match.orphans), 'label or mask file', 'fit')} no image: "
            f"{names.some(match.orphans)}",
            "give them the names of their images, or move them away; they are not used",
        )


def _not_used(match: Match, names: _Names) -> Iterator[Finding]:
    if match.left_out:
        yield Finding(
            "info",
            names.where,
            f"{counted(len(match.left_out), 'subject', 'have')} several visits, of which the "
            f"first is used: {some([*match.left_out])}",
            "",
        )
    if match.strays:
        table = match.layout.table
        classes = ", ".join([*match.layout.normal, *match.layout.abnormal])
        yield Finding(
            "warning",
            names.where,
            f"{counted(len(match.strays), 'image', 'are')} of none of the classes {classes}"
            f"{f', or without a row in {table.file}' if table else ''}: "
            f"{names.some(match.strays)}",
            f"{f'add their rows to {table.file}, ' if table else ''}name their class in the card's "
            "layout, or move them away; they are not used",
        )
    if match.table_rows:
        yield Finding(
            "warning",
            names.where,
            f"{counted(len(match.table_rows), 'image')} of the table "
            f"{agreed(len(match.table_rows), 'have')} no file: {some(match.table_rows, limit=3)}",
            "add the files, or nothing, if they are not meant to be there",
        )
    if match.companions:
        yield Finding(
            "info",
            names.where,
            f"{counted(len(match.companions), 'file', 'fit')} a pattern and "
            f"{agreed(len(match.companions), 'are')} not used: no image, or the second file of "
            f"one: {names.some(match.companions)}",
            "",
        )


def _excluded(card: DatasetCard, match: Match, names: _Names) -> Iterator[Finding]:
    taken = {entry: count for entry, count in match.excluded.items() if count}
    if taken:
        yield Finding(
            "info",
            names.where,
            f"{counted(sum(taken.values()), 'file', 'are')} excluded by `exclude` of the card:"
            f" {some([*taken])}",
            "",
        )
    listed = {one for split in card.splits for one in excluded_ids(card, split)}
    idle = [entry for entry, count in match.excluded.items() if not count and entry not in listed]
    if idle:
        yield Finding(
            "warning",
            names.where,
            f"{counted(len(idle), 'entry')} of `exclude` {agreed(len(idle), 'fit')} no file: "
            f"{some(idle)}",
            "correct them; they exclude nothing",
        )


def _dropped(card: DatasetCard, match: Match, split: str) -> Iterator[Finding]:
    """Abnormal images of a split's subjects that a lesion-free split does not use."""
    side: Split = card.splits[split]
    if side.slices != "lesion-free":
        return
    subjects = [
        match.subjects[one] for one in claimed(card, split, match.subjects) if one in match.subjects
    ]
    part = side.subjects.part if isinstance(side.subjects, Part) else None
    numbers = {
        files.subject: sum(
            one.abnormal is True and part in (None, one.part) for one in files.image_files
        )
        for files in subjects
    }
    dropped = {subject: number for subject, number in numbers.items() if number}
    if dropped:
        images = sum(dropped.values())
        used = members(card, split, match.subjects)
        gone = [one for one in dropped if one not in used]
        whole = f"; {len(gone)} of them {agreed(len(gone), 'have')} no normal image" if gone else ""
        yield Finding(
            "info",
            f"split {split}",
            f"{counted(images, 'abnormal image')} of {counted(len(dropped), 'subject')} "
            f"{agreed(images, 'are')} left out, because the split is lesion-free: "
            f"{some([*dropped], limit=3)}{whole}",
            "say in the card which subjects are tested, if these images are meant to be",
        )


def _unseen_labels(card: DatasetCard, match: Match, split: str) -> Iterator[Finding]:
    """Subjects of whom a bucket's rule cannot know whether they are abnormal: no label is read."""
    bucket = card.splits[split].subjects
    if not isinstance(bucket, Bucket) or bucket.abnormal == "divided":
        return
    unknown = [
        name
        for name, files in match.subjects.items()
        if not has_abnormal(files)
        and (
            any(one.label is not None and one.abnormal is None for one in files.image_files)
            or (files.label is not None and not files.labels_mean_lesions)
        )
    ]
    if unknown:
        healthy = "" if match.layout.kind == "images" else ", or say unlabelled = 'healthy'"
        yield Finding(
            "warning",
            f"split {split}",
            f"abnormal = '{bucket.abnormal}' sees no labels, only classes: "
            f"{counted_of(len(unknown), len(match.subjects), 'subject', 'have')} a label and no "
            f"class, and {agreed(len(unknown), 'are')} divided by ids alone: "
            f"{some(unknown, limit=3)}",
            f"name the classes in the card's layout{healthy}, or list the subjects; nothing, if a"
            " division by ids is meant: then leave out `abnormal`",
        )
