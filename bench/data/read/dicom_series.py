"""Which DICOM files are one volume: the series of a folder, told apart.

A volume is all files of one folder that have the same series, size and orientation; a multi-frame
file is a volume by itself. Echoes and other kinds of images that stand at the same positions of one
series are volumes of their own.
"""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.data.read.dicom_headers import Frame, Header, read_header
from bench.data.read.formats import DICOM, known_format
from bench.errors import DataError

# Directions are written with six digits or more; two scans differ by far more than this.
SAME_DIRECTION = 1e-3


def files_beside(path: Path) -> tuple[Path, ...]:
    """The other files of the series, by name.

    Raises:
        DataError: a file of the folder is damaged, or holds no image.
    """
    if not path.is_file():
        return ()  # whoever opens it says so
    return tuple(sorted(one.path for one in series_of(path) if one.path.name != path.name))


def one_per_series(paths: Sequence[Path], wanted: str | None = None) -> list[Path]:
    """Of DICOM files only the first of each volume; other files as they are.

    Args:
        paths: files that stand for one role of one subject.
        wanted: number of the series, or its description with wildcards; case does not matter.

    Raises:
        DataError: a file is damaged.
    """
    files = [one for one in paths if is_dicom(one)]
    if not files or (len(files) < 2 and wanted is None):
        return [*paths]
    found = [one for one in paths if one not in {*files}]
    named = {*files}
    for folder in sorted({one.parent for one in files}):
        for series in _listed(folder):
            mine = sorted(one.path for one in series if one.path in named)
            if mine and (wanted is None or _is_wanted(series[0], wanted)):
                found.append(mine[0])
    return sorted(found)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM, by its suffix or, where that is none, by its first bytes."""
    return known_format(path, "volume") is DICOM


# --- the series of a folder ---------------------------------------------------------------------


def series_of(path: Path) -> tuple[Header, ...]:
    """The files that make a volume together with a file, this one among them.

    Raises:
        DataError: a file of the folder is damaged, or this one holds no image.
    """
    for series in _listed(path.parent):
        if any(one.path.name == path.name for one in series):
            return series
    raise DataError(f"{path} holds no image", hint="name a file of an image series")


def _listed(folder: Path) -> tuple[tuple[Header, ...], ...]:
    """The volumes of a folder."""
    files = [one for one in sorted(folder.iterdir()) if not one.name.startswith(".")]
    files = [one for one in files if one.is_file() and is_dicom(one)]
    states = [one.stat() for one in files]
    state = tuple((s.st_size, s.st_mtime_ns, s.st_ino) for s in states)
    return _volumes_in(tuple(files), state)


# A subject's folder is asked several times: for its files, its fingerprint, its values.
@functools.lru_cache(maxsize=8)
def _volumes_in(
    files: tuple[Path, ...], state: tuple[tuple[int, int, int], ...]
) -> tuple[tuple[Header, ...], ...]:
    groups: list[list[Header]] = []
    for one in (read_header(path) for path in files):
        if one is None:
            continue
        for group in groups:
            if _belongs(one, group[0]):
                group.append(one)
                break
        else:
            groups.append([one])
    return tuple(tuple(one) for group in groups for one in _parted(group))


def _belongs(one: Header, other: Header) -> bool:
    if not one.frames or not other.frames:
        # What lies nowhere is a slice that lost its place, or a screenshot: a series of its own.
        return bool(one.series) and one.series == other.series
    apart = np.abs(one.frames[0].along - other.frames[0].along).max()
    return one.series == other.series and one.size == other.size and apart < SAME_DIRECTION


def _parted(group: list[Header]) -> list[list[Header]]:
    """Echoes and types of one series apart, where they lie at the same positions."""
    if any(not one.frames for one in group):
        return [group]
    kinds: dict[str, list[Header]] = {}
    for one in group:
        kinds.setdefault(one.kind, []).append(one)
    places = [{round(height(one.frames[0]), 2) for one in some} for some in kinds.values()]
    doubled = len(set[float]().union(*places)) < len(group)
    whole = all(len(p) == len(s) for p, s in zip(places, kinds.values(), strict=True))
    return [*kinds.values()] if doubled and whole else [group]


def height(frame: Frame) -> float:
    """Millimetres along the normal of the slice."""
    return float(np.cross(frame.along[0], frame.along[1]) @ frame.corner)


def _is_wanted(header: Header, wanted: str) -> bool:
    number, description = header.name
    return number == wanted or fnmatch.fnmatchcase(description.lower(), wanted.lower())
