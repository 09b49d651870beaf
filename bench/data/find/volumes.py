"""Which volumes of a folder belong to which subject."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from bench.cards import Layout
from bench.data.files import LabelValues, Match, SubjectFiles, safe_id
from bench.data.find.exclusion import Exclusion
from bench.data.find.patterns import all_patterns, matches
from bench.data.find.suffixes import is_companion
from bench.data.read.dicom_series import one_per_series
from bench.errors import DataError


def match_volumes(dataset: str, layout: Layout, root: Path, exclusion: Exclusion) -> Match:
    """What a layout of volumes finds; the arguments and errors of `match_layout`."""
    found: dict[str, dict[str, dict[str, list[Path]]]] = {}
    companions: list[Path] = []
    for role, pattern in all_patterns(layout).items():
        for one in matches(dataset, layout, pattern, root):
            if is_companion(one.path):
                companions.append(one.path)
                continue
            raw = one.get("subject")
            subject = safe_id(raw, f"card {dataset!r}, file {one.path}")
            inside = PurePosixPath(one.path.relative_to(root).as_posix())
            if exclusion.takes(inside, subject, raw):
                continue
            visits = found.setdefault(subject, {})
            visits.setdefault(one.get("visit"), {}).setdefault(role, []).append(one.path)
    subjects: dict[str, SubjectFiles] = {}
    doubles: dict[tuple[str, str], tuple[Path, ...]] = {}
    left_out: dict[str, tuple[str, ...]] = {}
    for subject, visits in sorted(found.items()):
        most = max(len(roles) for roles in visits.values())
        first = min(visit for visit, roles in visits.items() if len(roles) == most)
        if len(visits) > 1:
            left_out[subject] = tuple(sorted({*visits} - {first}))
        paths = {role: _volumes(role, some, layout) for role, some in visits[first].items()}
        labels = paths.pop("label", []) if layout.merge_labels else []
        one_each = {role: paths[role][0] for role in paths if len(paths[role]) == 1}
        doubles |= {(subject, r): tuple(paths[r]) for r in paths if len(paths[r]) > 1}
        subjects[subject] = SubjectFiles(
            dataset=dataset,
            subject=subject,
            paths={name: one_each[name] for name in layout.images if name in one_each},
            label=labels[0] if labels else one_each.get("label"),
            more_labels=tuple(labels[1:]),
            mask=one_each.get("mask"),
            values=LabelValues(tuple(layout.lesion), tuple(layout.ignore)),
            labels_mean_lesions=layout.unlabelled == "healthy",
        )
    return Match(
        layout,
        subjects,
        doubles,
        left_out,
        companions=tuple(companions),
        excluded=dict(exclusion.counts),
    )


def _volumes(role: str, paths: list[Path], layout: Layout) -> list[Path]:
    """One file per volume: of the slices of a DICOM series the first."""
    try:
        return one_per_series(paths, layout.series.get(role))
    except DataError:
        return paths[:1]  # it is reported when the subject is read
