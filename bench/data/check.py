"""Judge the files of a dataset before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from bench.cards import DatasetCard
from bench.data.cache import Progress
from bench.data.fingerprint import fingerprint_files
from bench.data.index import Index, index_dataset, split_ids
from bench.data.files import Match, SubjectFiles
from bench.data.nifti import Volume, read_volume, require_same_grid
from bench.data.resample import BoolArray
from bench.errors import DataError

Severity = Literal["error", "warning", "info"]
_ORDER: tuple[Severity, ...] = ("error", "warning", "info")

# Brains have 0.9 to 1.9 l; a head with skull and skin has 3 to 5 l.
_LARGEST_BRAIN_L = 2.5


@dataclass(frozen=True)
class Finding:
    """One thing found in a dataset.

    Attributes:
        severity: an ``error`` stops or falsifies a run; a ``warning`` may be meant.
        where: file, subject, split or layout; several where the same was found in them.
        problem: what was found and what was expected.
        remedy: what to do about it.
    """

    severity: Severity
    where: str
    problem: str
    remedy: str


def check_dataset(
    card: DatasetCard, data_dir: Path | None, cache: Path, progress: Progress | None = None
) -> list[Finding]:
    """Read every file of a dataset and say what is wrong with it.

    Args:
        card: the dataset.
        data_dir: folder that holds a folder per dataset.
        cache: the cache folder, for fingerprints.
        progress: told after each subject.

    Returns:
        Findings, errors first; without errors the dataset can be used.

    Raises:
        CardError: the card's patterns cannot be used.
        StoreError: the cache cannot be written.
    """
    try:
        index = index_dataset(card, data_dir, cache)
    except DataError as error:
        return [_error(card.name, error)]
    used = [one for one in index.matches if one.subjects]
    findings = [*_splits(index), *_same_content(index, cache)]
    total, done = sum(len(one.subjects) for one in used), 0
    for match in used:
        findings += _layout(match)
        for files in match.subjects.values():
            findings += _subject(files)
            done += 1
            if progress is not None:
                progress(done, total, f"check {files.subject}")
    return sorted(_merged(findings), key=lambda one: _ORDER.index(one.severity))


def _merged(findings: list[Finding]) -> list[Finding]:
    """One line for what is the same in many files."""
    alike: dict[tuple[Severity, str, str], list[Finding]] = {}
    for one in findings:
        alike.setdefault((one.severity, one.problem, one.remedy), []).append(one)
    return [
        replace(group[0], where=_some([one.where for one in group], limit=3))
        for group in alike.values()
    ]


def _error(where: str, error: DataError) -> Finding:
    return Finding("error", where, str(error), error.hint or "")


# --- the dataset as a whole ---------------------------------------------------------------------


def _splits(index: Index) -> Iterator[Finding]:
    card = index.card
    there = {s for one in index.matches for s, f in one.subjects.items() if f.images}
    for name in card.splits:
        ids = split_ids(card, name)
        absent = [one for one in ids if one not in there]
        if absent and card.generator is not None:
            yield Finding(
                "info",
                f"split {name}",
                f"{len(absent)} of {len(ids)} subjects are not made yet",
                f"nothing, the first run makes them; or bench data prepare {card.name}",
            )
        elif absent:
            yield Finding(
                "warning",
                f"split {name}",
                f"{len(absent)} of {len(ids)} subjects are absent: {_some(absent)}",
                f"add them to {index.root}; without them every table says how many were there",
            )
    for name, task in card.tasks.items():
        if task.train_on not in (None, card.name):
            continue
        for side in (one for one in ("train", "validation") if one in card.splits):
            learn, test = card.splits[side].subjects, card.splits[task.test].subjects
            both = sorted(set(learn) & set(test)) if learn != "rest" != test else []
            if both or learn == test == "rest":
                yield Finding(
                    "error",
                    f"task {name}",
                    f"subjects in split {side!r} and in test split {task.test!r}:"
                    f" {_some(both) or 'all of the rest'}",
                    "give each subject one side in the card's [splits]",
                )


def _same_content(index: Index, cache: Path) -> Iterator[Finding]:
    names: dict[Path, tuple[str, str]] = {}
    for match in index.matches:
        for one in match.subjects.values():
            names |= {path: (one.subject, modality) for modality, path in one.images.items()}
    readable = [path for path in names if _readable(path)]
    groups: dict[str, list[Path]] = {}
    for path, sha in fingerprint_files(readable, cache).items():
        groups.setdefault(sha, []).append(path)
    for paths in groups.values():
        if len({names[path] for path in paths}) > 1:
            yield Finding(
                "error",
                str(paths[0]),
                f"the same image as {', '.join(str(one) for one in paths[1:])}",
                "find out whose image it is and remove the other file",
            )


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False  # reported when the subject is checked


def _layout(match: Match) -> Iterator[Finding]:
    where = f"layout {match.layout.name}"
    yield Finding("info", where, f"{len(match.subjects)} subjects: {match.layout.title}", "")
    for role, pattern in match.patterns([*match.layout.images], with_label=True).items():
        lacking = [
            subject
            for subject, files in match.subjects.items()
            if files.lacks(role) and (subject, role) not in match.doubles
        ]
        if lacking:
            yield Finding(
                "warning",
                where,
                f"{len(lacking)} of {len(match.subjects)} subjects have no {role} ({pattern}):"
                f" {_some(lacking)}",
                f"add the files; such a subject is left out where {role} is needed",
            )
    for (subject, role), paths in match.doubles.items():
        yield Finding(
            "error",
            f"subject {subject}",
            f"{len(paths)} files for {role}, expected one: {', '.join(str(one) for one in paths)}",
            "keep one of them",
        )


def _some(ids: list[str], limit: int = 10) -> str:
    more = f", and {len(ids) - limit} more" if len(ids) > limit else ""
    return ", ".join(ids[:limit]) + more


# --- one subject --------------------------------------------------------------------------------


def _subject(files: SubjectFiles) -> Iterator[Finding]:
    volumes: list[Volume] = []
    for path in files.images.values():
        try:
            volumes.append(read_volume(path))
        except DataError as error:
            yield _error(str(path), error)
    if not volumes:
        return
    for volume in volumes:
        if not volume.oriented:
            yield Finding(
                "warning",
                str(volume.path),
                "the header does not say where the axes point (sform_code and qform_code are 0)",
                "see with `bench data show` whether it stands upright; else repair the header",
            )
    try:
        for other in volumes[1:]:
            require_same_grid(other, volumes[0])
    except DataError as error:
        yield Finding(
            "warning",
            str(volumes[0].path),
            f"modalities on several grids cannot be channels of one image: {error}",
            error.hint or "",
        )
    mask = None
    if files.mask is not None:
        mask, found = _mask(files.mask, volumes)
        yield from found
        if mask is None:
            return
    inside = mask.data != 0 if mask is not None else _nonzero(volumes)
    yield from _foreground(files, volumes[0], inside)
    if files.label is not None:
        label, found = _mask(files.label, volumes)
        yield from found
        if label is not None:
            yield from _label(label, inside)


def _nonzero(volumes: list[Volume]) -> BoolArray:
    same = [one.data != 0 for one in volumes if one.data.shape == volumes[0].data.shape]
    return np.asarray(np.any(same, axis=0))


def _mask(path: Path, volumes: list[Volume]) -> tuple[Volume | None, list[Finding]]:
    """A label or mask that lies on the grid of all images, or the findings why not."""
    try:
        mask = read_volume(path, allow_zero=True)
        for volume in volumes:
            require_same_grid(mask, volume)
    except DataError as error:
        return None, [_error(str(path), error)]
    return mask, []


def _foreground(files: SubjectFiles, volume: Volume, inside: BoolArray) -> Iterator[Finding]:
    where = str(files.mask or volume.path)
    litres = float(np.count_nonzero(inside) * np.prod(volume.voxel_mm) / 1e6)
    if litres == 0:
        yield Finding("error", where, "the mask is empty, expected a brain", "make it again")
    elif litres > _LARGEST_BRAIN_L:
        yield Finding(
            "warning",
            where,
            f"the foreground has {litres:.1f} l, more than a brain: skull or background not 0?",
            "strip the skull, or give a mask in the card's layout",
        )


def _label(label: Volume, inside: BoolArray) -> Iterator[Finding]:
    where = str(label.path)
    values = np.unique(label.data)
    if not set(values.tolist()) <= {0.0, 1.0}:
        shown = ", ".join(f"{one:g}" for one in values[:10]) + (", …" if len(values) > 10 else "")
        yield Finding(
            "warning",
            where,
            f"values {shown}, expected 0 and 1; all but 0 count as lesion",
            "nothing, if all of them are lesion; else write a binary label",
        )
    lesion = label.data != 0
    count = int(np.count_nonzero(lesion))
    if count == 0:
        yield Finding(
            "warning",
            where,
            "the label is empty: no lesion",
            "nothing, if the subject is healthy; averages over subjects leave it out",
        )
    outside = int(np.count_nonzero(lesion & ~inside))
    if outside:
        yield Finding(
            "warning",
            where,
            f"{outside} of {count} lesion voxels lie outside the foreground",
            "few are harmless (pixel protocols leave them out); many mean a shifted label or mask",
        )
