"""What a card excludes from its dataset, and how much of it was there."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from unicodedata import normalize

from bench.data.find.suffixes import without_suffix


class Exclusion:
    """The card's ``exclude``, counting what each entry takes.

    Args:
        entries: ids of subjects or images, names of files, or paths below the dataset's folder;
            ``*`` stands for anything.

    Attributes:
        counts: how many files each entry took so far.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self.counts = dict.fromkeys(entries, 0)

    def takes(self, file: PurePosixPath, *ids: str) -> bool:
        """Whether an entry names a file, or the subject it belongs to.

        Args:
            file: relative to the dataset's folder.
            ids: of its subject and its image, as the files or the card write them.
        """
        names = {str(file), file.name, without_suffix(file.name), *ids}
        names |= {normalize("NFC", one) for one in names}  # macOS writes ö in two parts
        taking = [
            entry
            for entry in self.counts
            if any(fnmatchcase(name, normalize("NFC", entry)) for name in names)
        ]
        for entry in taking:
            self.counts[entry] += 1
        return bool(taking)
