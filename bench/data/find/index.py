"""Find the files and subjects of a dataset, and select those of a split."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.cards import DatasetCard, Layout
from bench.data.cache.folder import Progress, cache_errors
from bench.data.find.layouts import Match, SubjectFiles, match_layout
from bench.data.find.splits import members, restricted, split_ids
from bench.errors import CardError, DataError, SplitError, UnknownName, allowed

__all__ = [
    "Index",
    "Selection",
    "SubjectFiles",
    "chosen",
    "index_dataset",
    "refuse_overlap",
    "select",
    "split_ids",
]

# A message names so many subjects or images that are on two sides, and counts the others.
_SHOWN_DOUBLES = 20


@dataclass(frozen=True)
class Index:
    """The files of a dataset.

    Attributes:
        root: the dataset's folder.
        layout: the layout that fits the most subjects, the first of the card among equals.
        subjects: files by subject id, sorted by id, in that layout.
        matches: what every layout of the card finds, in the card's order. `select` chooses
            anew among them by the channels it is asked for.
    """

    card: DatasetCard
    root: Path
    layout: Layout
    subjects: dict[str, SubjectFiles]
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Selection:
    """The subjects of a split.

    Attributes:
        present: those with all files that are needed, by id.
        expected: how many the split names.
        absent: ids of the others, sorted.
        lesion_free: only slices without a label voxel belong to the split.
        reasons: what each absent subject lacks.
    """

    present: tuple[SubjectFiles, ...]
    expected: int
    absent: tuple[str, ...]
    lesion_free: bool
    reasons: dict[str, str] = field(default_factory=dict)


def index_dataset(card: DatasetCard, data_dir: Path | None, cache: Path) -> Index:
    """Find the files of a dataset.

    Args:
        card: the dataset.
        data_dir: folder that holds a folder per dataset, named as the card; not needed for
            datasets with a generator.
        cache: the cache folder; generated files lie in ``generated/<module>-<version>``.

    Raises:
        DataError: no folder, or no file in it that a layout of the card expects. A generated
            dataset may be empty: `select` makes what it needs.
        CardError: a pattern or the generator cannot be used.
    """
    if card.generator is not None:
        root = _generated_root(card, card.generator, cache)
        listed = {one for name in card.splits for one in split_ids(card, name)}
        matches = tuple(_only(m, listed) for m in _match_all(card, root))
    else:
        root = _ordinary_root(card, data_dir)
        matches = _match_all(card, root)
        if not any(one.subjects for one in matches):
            raise DataError(
                f"no file of dataset {card.name!r} in {root}; expected one of: "
                + "; ".join(_first_pattern(layout) for layout in card.layouts),
                hint=f"read how the files must lie: bench data list, or the card {card.name}.toml",
            )
    best = max(matches, key=lambda one: sum(bool(s.modalities) for s in one.subjects.values()))
    return Index(card, root, best.layout, best.subjects, matches)


def select(
    index: Index,
    split: str,
    channels: Sequence[str],
    *,
    need_label: bool,
    progress: Progress | None = None,
    processes: int = 1,
    allow_empty: bool = False,
) -> Selection:
    """The subjects of a split that have all files that are needed.

    Args:
        index: of the dataset.
        split: name of a split of the card.
        channels: modalities that must be there.
        need_label: whether the label must be there; a lesion-free split always needs it.
        progress: told while a generator makes subjects.
        processes: how many processes a generator may use.
        allow_empty: no subject at all is no error (a source without validation subjects).

    Raises:
        UnknownName: no such split or modality in the card.
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
        ids = split_ids(card, split)
        if any(match.missing(one, channels, with_label=need_label) for one in ids):
            _generate(card.generator, index.root, ids, processes, progress)
            match = _only(match_layout(card.name, match.layout, index.root), set(ids))
    selection = _selection(card, split, match, channels, need_label)
    if not selection.present:
        _refuse_empty(index, split, match, selection, channels, need_label, allow_empty)
    return selection


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
            for path in (p for p in one.image_files if p in fingerprints):
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
        f"{len(doubles)} {what} are on two sides: "
        + "; ".join(doubles[:_SHOWN_DOUBLES])
        + (f"; and {more} more" if more > 0 else "")
    )


# --- folders ------------------------------------------------------------------------------------


def _ordinary_root(card: DatasetCard, data_dir: Path | None) -> Path:
    if data_dir is None:
        raise DataError(
            f"dataset {card.name!r} needs a data folder",
            hint=f"say --data-dir DIR or set BENCH_DATA; DIR/{card.name} must hold the files",
        )
    root = data_dir / card.name
    if root.is_dir():
        return root
    if not data_dir.is_dir():
        raise DataError(
            f"the data folder {data_dir} does not exist",
            hint=f"say --data-dir DIR or set BENCH_DATA; DIR/{card.name} must hold the files",
        )
    folders = [one.name for one in data_dir.glob("*") if one.is_dir()]
    raise DataError(
        f"no folder {root} for dataset {card.name!r}; {allowed(card.name, folders)}",
        hint=f"put the files into {root}, or name another folder with --data-dir",
    )


def _match_all(card: DatasetCard, root: Path) -> tuple[Match, ...]:
    return tuple(match_layout(card.name, layout, root) for layout in card.layouts)


def _only(match: Match, ids: set[str]) -> Match:
    """A match without the subjects of other cards that share the generated folder."""
    return replace(match, subjects={s: f for s, f in match.subjects.items() if s in ids})


def _first_pattern(layout: Layout) -> str:
    return f"{next(iter(layout.images.values()))} (layout {layout.name!r})"


# --- generated datasets -------------------------------------------------------------------------


def _generator(name: str) -> tuple[Any, Callable[..., None]]:
    module_name, _, function = name.partition(":")
    try:
        module = importlib.import_module(module_name)
        return module, getattr(module, function)
    except (ImportError, AttributeError, ValueError) as error:
        raise CardError(f"generator {name!r} cannot be used: {error}") from error


def _generated_root(card: DatasetCard, generator: str, cache: Path) -> Path:
    for name, split in card.splits.items():
        if not isinstance(split.subjects, list):
            raise CardError(
                f"card {card.name!r}, split {name!r}: a generated dataset must list its subjects"
            )
    module, _ = _generator(generator)
    return cache / "generated" / f"{module.__name__}-{module.GENERATOR_VERSION}"


def _generate(
    generator: str, root: Path, ids: list[str], processes: int, progress: Progress | None
) -> None:
    _, function = _generator(generator)
    with cache_errors(root):
        root.mkdir(parents=True, exist_ok=True)

    def tell(done: int, total: int, subject: str) -> None:
        # One note for all subjects: each note is a bar, or a line, of its own.
        if progress is not None:
            progress(done, total, "making phantom subjects")

    function(root, ids, processes=processes, progress=tell)


# --- selecting ----------------------------------------------------------------------------------


def _selection(
    card: DatasetCard, split: str, match: Match, channels: Sequence[str], need_label: bool
) -> Selection:
    side = card.splits[split]
    match = replace(
        match, subjects={name: restricted(one, side) for name, one in match.subjects.items()}
    )
    ids = members(card, split, match.subjects)
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
        present=tuple(present),
        expected=len(ids),
        absent=tuple(reasons),
        lesion_free=side.slices == "lesion-free",
        reasons=reasons,
    )


def _refuse_doubles(match: Match, subject: str, patterns: dict[str, str]) -> None:
    for role, pattern in patterns.items():
        files = match.doubles.get((subject, role))
        if files:
            raise DataError(
                f"subject {subject!r} has {len(files)} files for {role}, expected one for"
                f" {pattern}: {', '.join(str(one) for one in files)}",
                hint="keep one of them in the dataset's folder",
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
            f"none of the {selection.expected} subjects of split {split!r} of {name!r} is in"
            f" {index.root}: {first}",
            hint=f"see what is there with: bench data check {name}",
        )
