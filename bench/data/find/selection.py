"""The subjects of a split that have all files a task needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.cards import DatasetCard, Split
from bench.data.files import Match, SubjectFiles
from bench.data.find.generated import generate
from bench.data.find.index import Index, only
from bench.data.find.layouts import match_layout
from bench.data.find.splits import members, restricted, with_truth
from bench.data.progress import Progress
from bench.data.read.formats import DICOM, known_format
from bench.errors import DataError, UnknownName, counted


@dataclass(frozen=True)
class Selection:
    """The subjects of a split.

    Attributes:
        present: those with all files that are needed, by id.
        expected: how many the split names.
        absent: ids of the others, sorted.
        lesion_free: only slices without a label voxel belong to the split.
        reasons: what each absent subject lacks.
        lacking: those of the absent ones of whom some image is there.
    """

    present: tuple[SubjectFiles, ...]
    expected: int
    absent: tuple[str, ...]
    lesion_free: bool
    reasons: dict[str, str] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()


def select(
    index: Index,
    split: str,
    channels: Sequence[str],
    *,
    need_label: bool,
    progress: Progress | None = None,
    processes: int = 1,
    allow_empty: bool = False,
    limit: int = 0,
) -> Selection:
    """The subjects of a split that have all files that are needed.

    Args:
        index: of the dataset.
        split: name of a split of the card.
        channels: modalities that must be there.
        need_label: whether the label must be there; a lesion-free split always needs it.
        progress: called while a generator makes subjects.
        processes: how many processes a generator may use.
        allow_empty: no subject at all is not an error (a source without validation subjects).
        limit: take only so many, the first by id; a generator makes no others. 0: all.

    Raises:
        UnknownName: the card does not have this split or modality.
        DataError: no subject of the split is there, all of them lack a file, or several files
            match where one is expected.
    """
    card = index.card
    if split not in card.splits:
        raise UnknownName(f"split of {card.name!r}", split, card.splits)
    need_label = need_label or card.splits[split].slices == "lesion-free"
    match = chosen(index, channels)
    if need_label and not match.layout.has_truth:
        raise DataError(f"dataset {card.name!r} has no labels, which split {split!r} needs")
    if card.generator is not None:
        ids = generated_ids(card, split, limit)
        if any(match.missing(one, channels, with_label=need_label) for one in ids):
            generate(card.generator, index.root, ids, processes, progress)
            match = only(match_layout(card.name, match.layout, index.root), set(ids))
    selection = _selection(card, split, match, channels, need_label, limit)
    if not selection.present:
        _refuse_empty(index, split, match, selection, channels, need_label, allow_empty)
    return selection


def generated_ids(card: DatasetCard, split: str, limit: int = 0) -> list[str]:
    """The subjects of a split that a generator makes, sorted; the first so many where limited."""
    return members(card, split, {})[: limit or None]


def chosen(index: Index, channels: Sequence[str]) -> Match:
    """The layout that serves the most subjects with these channels.

    It depends on nothing else, so that all splits of a dataset come from one layout; among
    equals the one with more labels, then the first of the card.

    Raises:
        UnknownName: no layout has such a modality.
        DataError: the modalities exist, but in no layout together.
    """
    card = index.card
    known = {modality for layout in card.layouts for modality in layout.images}
    for channel in channels:
        if channel not in known:
            raise UnknownName(f"modality of {card.name!r}", channel, known)
    fit = [one for one in index.matches if set(channels) <= set(one.layout.images)]
    if not fit:
        raise DataError(f"no layout of {card.name!r} has {', '.join(channels)} together")

    def served(match: Match) -> tuple[int, int]:
        ids = [s for s in match.subjects if not match.missing(s, channels, with_label=False)]
        if not match.layout.has_truth:
            return len(ids), 0
        return len(ids), sum(not match.missing(s, channels, with_label=True) for s in ids)

    return max(fit, key=served)


def _selection(
    card: DatasetCard,
    split: str,
    match: Match,
    channels: Sequence[str],
    need_label: bool,
    limit: int,
) -> Selection:
    side = card.splits[split]
    everyone = members(card, split, match.subjects)
    # Those that a generator did not make for want of need are not absent.
    ids = everyone if card.generator is None else generated_ids(card, split, limit)
    kept = {name: restricted(one, side) for name, one in match.subjects.items()}
    if need_label:
        kept = {name: with_truth(one) for name, one in kept.items()}
    match = replace(match, subjects=kept)
    patterns = match.patterns(channels, with_label=need_label)
    present, reasons = [], {}
    for one in ids:
        _refuse_doubles(match, one, patterns)
        lacks = match.missing(one, channels, with_label=need_label)
        if lacks:
            reasons[one] = "no " + ", no ".join(
                f"{role} ({patterns[role].replace('{subject}', one)})" for role in lacks
            )
        else:
            present.append(match.subjects[one])
    return Selection(
        present=tuple(present[: limit or None]),
        expected=_expected(card, side, len(everyone)),
        absent=tuple(reasons),
        lesion_free=side.slices == "lesion-free",
        reasons=reasons,
        lacking=tuple(
            one for one in reasons if one in match.subjects and match.subjects[one].modalities
        ),
    )


def _expected(card: DatasetCard, side: Split, found: int) -> int:
    """How many subjects the split has in the published set, as far as the card says."""
    if side.subjects == "all" and card.published_subjects is not None:
        return max(found, card.published_subjects)
    return found


def _refuse_doubles(match: Match, subject: str, patterns: dict[str, str]) -> None:
    for role, pattern in patterns.items():
        files = match.doubles.get((subject, role))
        if files:
            raise DataError(
                f"subject {subject!r} has {len(files)} files for {role}, expected one for"
                f" {pattern}: {', '.join(str(one) for one in files)}",
                hint="keep one of them in the dataset's folder"
                + (
                    f"; of DICOM series name one by number or description: series = {{ {role} ="
                    ' "3" }} in the layout'
                    if all(known_format(one, "volume") is DICOM for one in files)
                    else ""
                ),
            )


def _refuse_empty(
    index: Index,
    split: str,
    match: Match,
    selection: Selection,
    channels: Sequence[str],
    need_label: bool,
    allow_empty: bool,
) -> None:
    def lacks(subject: str) -> list[str]:
        return match.missing(subject, channels, with_label=need_label)

    name = index.card.name
    # Subjects that are there, but not with all files: of the split, else of the whole dataset.
    partial = [one for one in selection.absent if one in match.subjects]
    if not partial and all(lacks(one) for one in match.subjects):
        partial = list(match.subjects)
    if partial or not match.subjects:
        for role, pattern in match.patterns(channels, with_label=need_label).items():
            if all(role in lacks(one) for one in partial):
                raise DataError(
                    f"no subject of split {split!r} of {name!r} has {role}; expected files like"
                    f" {index.root / pattern}",
                    hint="make brain masks with a skull-stripping tool and put them there"
                    if role == "mask"
                    else f"add the files, or see what is there with: bench data check {name}",
                )
    if not allow_empty:
        first = next(iter(selection.reasons.values()), "all subjects are in other splits")
        raise DataError(
            f"none of the {counted(selection.expected, 'subject')} of split {split!r} of {name!r} "
            f"is in {index.root}: {first}",
            hint=f"see what is there with: bench data check {name}",
        )
