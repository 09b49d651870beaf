"""Check the files of a dataset before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Literal

from bench.cards import DatasetCard
from bench.data.cache.stored import Foreground
from bench.data.check.asked import Asked
from bench.data.check.images import check_images
from bench.data.check.labels import (
    dropped_findings,
    headline_findings,
    named_findings,
    truth_findings,
)
from bench.data.check.outliers import compare
from bench.data.check.summary import Seen
from bench.data.check.twins import same_content
from bench.data.check.volumes import check_volume
from bench.data.files import Match, SubjectFiles
from bench.data.find.faults import absent_findings, empty_findings, file_findings
from bench.data.find.index import Index, index_dataset
from bench.data.find.registration import registration_findings
from bench.data.find.splits import members, split_ids
from bench.data.find.subject_table import read_subject_table
from bench.data.find.swallowed import swallowed_findings
from bench.data.findings import Finding, from_error, merged, some
from bench.data.prepare.shares import lesion_share_findings, share_findings
from bench.data.progress import Progress
from bench.errors import DataError, counted, counted_of

__all__ = ["Finding", "check_dataset"]

# Each reads all volumes of a subject.
_MOST_JOBS = 8


def check_dataset(
    card: DatasetCard,
    data_dir: Path | None,
    cache: Path,
    progress: Progress | None = None,
    jobs: int = 1,
    sizes: Sequence[int] = (),
) -> list[Finding]:
    """Read every file of a dataset and say what is wrong with it.

    Args:
        card: the dataset.
        data_dir: folder that holds a folder per dataset.
        cache: the cache folder, for fingerprints.
        progress: called after each subject.
        jobs: how many subjects to read at once; the findings and their order do not depend on it.
        sizes: sides of prepared images in pixels, for which to say how many lesions are kept.

    Returns:
        Findings, errors first; without errors the dataset can be used.

    Raises:
        CardError: the card's patterns cannot be used.
        StoreError: the cache cannot be written.
    """
    try:
        index = index_dataset(card, data_dir, cache)
    except DataError as error:
        return [from_error(card.name, error)]
    used = [one for one in index.matches if one.subjects]
    twins, identical = same_content(index, cache)
    findings = [*_splits(index), *_subjects_table(index), *twins]
    if card.registered is not None:
        findings += registration_findings(index.root, card.registered)
    total, done = sum(len(one.subjects) for one in used), 0
    for match in used:
        findings += _layout(match)
        main = match.layout is index.layout
        findings += file_findings(index, match, [*card.splits] if main else [])
        findings += swallowed_findings(index.root, match)
        seen: dict[str, Seen] = {}
        asked = Asked.of(card, match.layout, sizes)
        sided = {one for split in card.splits for one in members(card, split, match.subjects)}
        for subject, found, kept in _each(match, cache, jobs, asked):
            findings += found if subject in sided else map(_of_no_side, found)
            seen[subject] = kept
            done += 1
            if progress is not None:
                progress(done, total, f"checking {card.name}")
        findings += named_findings(match.layout, seen.values())
        if main:
            findings += headline_findings(card, match.layout)
            flat = match.layout.kind != "volumes"
            findings += truth_findings(f"layout {match.layout.name}", seen, flat=flat)
            findings += dropped_findings(card, match, seen)
        kind: Literal["volume", "image"] = "image" if _has_images(match) else "volume"
        shares = {name: fmean(kept.shares) for name, kept in seen.items() if kept.shares}
        grounds = {name: Foreground((), share, kind) for name, share in shares.items()}
        findings += share_findings(f"layout {match.layout.name}", grounds)
        lesions = {name: fmean(kept.lesions) for name, kept in seen.items() if kept.lesions}
        findings += lesion_share_findings(f"layout {match.layout.name}", lesions)
        findings += compare([one for kept in seen.values() for one in kept.summaries], identical)
    return merged(findings)


def _of_no_side(found: Finding) -> Finding:
    """An error in files of a subject that no split has stops no run."""
    if found.severity != "error":
        return found
    return replace(found, severity="warning", problem=f"{found.problem} (in no split)")


def _has_images(match: Match) -> bool:
    return any(files.image_files for files in match.subjects.values())


def _each(
    match: Match, cache: Path, jobs: int, asked: Asked
) -> Iterator[tuple[str, list[Finding], Seen]]:
    """What is found in each subject, in their order."""

    def one(files: SubjectFiles) -> tuple[str, list[Finding], Seen]:
        seen = Seen()
        if files.image_files:
            found = [*check_images(files, cache, asked, seen)]
        else:
            found = [*check_volume(files, asked, seen)]
        return files.subject, found, seen

    # Threads do: unpacking, decoding and array arithmetic leave the interpreter to the others.
    pool = ThreadPoolExecutor(min(jobs, _MOST_JOBS))
    try:
        yield from pool.map(one, match.subjects.values())
    finally:
        pool.shutdown(cancel_futures=True)


# --- splits -------------------------------------------------------------------------------------


def _splits(index: Index) -> Iterator[Finding]:
    card = index.card
    for name in card.splits:
        absent = [*absent_findings(index, index.matches, name)]
        yield from absent
        if not (absent or split_ids(card, name)):
            yield from empty_findings(index, name)
    yield from _both_sides(index)


def _both_sides(index: Index) -> Iterator[Finding]:
    card = index.card
    sides = [one for one in ("train", "validation") if one in card.splits]
    tasks: dict[tuple[str, str], list[str]] = {("validation", "train"): []} if sides[1:] else {}
    for name, task in card.tasks.items():
        if task.data in (None, card.name) and task.train_on in (None, card.name):
            for side in sides:
                tasks.setdefault((side, task.test), []).append(name)
    for (learn, test), names in tasks.items():
        both = sorted(
            {*members(card, learn, index.subjects)} & {*members(card, test, index.subjects)}
        )
        if both:
            yield Finding(
                "error",
                f"task{'s' * (len(names) > 1)} {', '.join(names)}" if names else "splits",
                f"subjects in split {learn!r} and in split {test!r}: {some(both)}",
                "give each subject one side in the card's [splits]",
            )


def _subjects_table(index: Index) -> Iterator[Finding]:
    """What is odd about the table of subjects, where the card names one."""
    table = index.card.subjects_table
    if table is None:
        return
    if not (index.root / table.file).exists():
        yield Finding(
            "info",
            table.file,
            f"the table of subjects {index.root / table.file} does not exist",
            "get it, or leave it: only `bench report --by COLUMN` reads it",
        )
        return
    try:
        known = read_subject_table(index.root, table, [*index.subjects])
    except DataError as error:
        yield Finding("warning", table.file, str(error), error.hint or "get the file")
        return
    yield from known.findings
    yield Finding(
        "info",
        table.file,
        f"{counted(len(known.values), 'subject')} with a row; `bench report --by` takes: "
        f"{some(known.columns, 12)}",
        "",
    )


# --- files --------------------------------------------------------------------------------------


def _layout(match: Match) -> Iterator[Finding]:
    where = f"layout {match.layout.name}"
    images = sum(len(one.image_files) for one in match.subjects.values())
    count = counted(len(match.subjects), "subject") + (
        f" with {counted(images, 'image')}" if images else ""
    )
    yield Finding("info", where, f"{count}: {match.layout.title}", "")
    for role, pattern in match.patterns([*match.layout.images], with_label=True).items():
        lacking = [
            subject
            for subject, files in match.subjects.items()
            if (files.lacks_truth if role == "label" else files.lacks(role))
            and (subject, role) not in match.doubles
        ]
        if lacking:
            yield Finding(
                "warning",
                where,
                f"{counted_of(len(lacking), len(match.subjects), 'subject', 'have')} no {role} "
                f"({pattern}): {some(lacking)}",
                f"add the files; such a subject is left out where {role} is needed",
            )
    for (subject, role), paths in match.doubles.items():
        yield Finding(
            "error",
            f"subject {subject}",
            f"{len(paths)} files for {role}, expected one: {some([str(one) for one in paths])}",
            "keep one of them",
        )
