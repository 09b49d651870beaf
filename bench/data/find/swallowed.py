"""Labels that a pattern of images takes as well: ``masks/`` beside ``test/``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.data.files import Match
from bench.data.find.suffixes import without_suffix
from bench.data.findings import Finding, some
from bench.data.read.images import read_values
from bench.errors import DataError, agreed, counted

# Of each folder the first and last so many files are read, and of so many folders.
_FILES, _FOLDERS = 3, 50
# A label holds a few classes, a photograph or a scan many shades.
_FEW = 8
_USUAL = ("mask", "label", "seg", "gt", "ground", "annot")


def swallowed_findings(root: Path, match: Match) -> Iterator[Finding]:
    """Images that share their name with another image and hold few values, as labels do.

    Args:
        root: the dataset's folder.
        match: a layout of 2-D images; of other layouts nothing is found.
    """
    stems: dict[str, set[Path]] = {}
    for files in match.subjects.values():
        for one in files.image_files:
            if one.row is None:
                for path in one.paths.values():
                    stems.setdefault(without_suffix(path.name), set()).add(path)
    folders: dict[str, list[Path]] = {}
    shared: dict[str, list[Path]] = {}
    for paths in stems.values():
        for path in paths:
            folder = path.relative_to(root).parts[0]
            folders.setdefault(folder, []).append(path)
            # The modalities of one image share a name as well; labels have few values.
            if len(paths) > 1:
                shared.setdefault(folder, []).append(path)
    usual = sorted(shared, key=lambda name: (not name.lower().startswith(_USUAL), name))
    for name in usual[:_FOLDERS]:
        inside, both = sorted(folders[name]), sorted(shared[name])
        if all(_few(path) for path in {*both[:_FILES], *inside[:_FILES], *inside[-_FILES:]}):
            shown = some([path.relative_to(root).as_posix() for path in inside], limit=3)
            yield Finding(
                "warning",
                f"layout {match.layout.name}",
                f"{counted(len(inside), 'image')} in {name} {agreed(len(inside), 'hold')} few "
                f"values, and {len(both)} of them {agreed(len(both), 'share')} a name with "
                f"another image, as labels do: {shown}",
                "name them in the pattern `label` of the card's layout, or in its `exclude`",
            )


def _few(path: Path) -> bool:
    try:
        return len(read_values(path)) <= _FEW
    except DataError:
        return False  # said when the image is read
