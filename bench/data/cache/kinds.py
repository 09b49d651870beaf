"""The kinds of what the cache holds: the one list for writers, eviction and `bench cache`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class CacheKind(StrEnum):
    """A kind of entry; its value is the name of its folder in the cache."""

    prepared = "prepared"
    stacks = "stacks"
    arrays = "arrays"
    derived = "derived"
    generated = "generated"
    fingerprints = "fingerprints"
    weights = "weights"

    def folder(self, cache: Path) -> Path:
        """The folder of all entries of this kind.

        Args:
            cache: the cache folder.
        """
        return cache / self.value

    @property
    def what(self) -> str:
        """What the entries are, in words."""
        return _WORDS[self]

    @property
    def evictable(self) -> bool:
        """Whether entries go when the cache grows over its bound.

        The others are small, or slow to make again: only ``bench cache clear`` removes them.
        """
        return self in _EVICTABLE


_WORDS = {
    CacheKind.prepared: "prepared subjects",
    CacheKind.stacks: "training stacks",
    CacheKind.arrays: "unpacked arrays",
    CacheKind.derived: "what methods derive from training images",
    CacheKind.generated: "embedded datasets",
    CacheKind.fingerprints: "fingerprints of files",
    # The anomalib methods put it there: they may not import this list, a test holds the name.
    CacheKind.weights: "pretrained weights",
}
_EVICTABLE = {CacheKind.prepared, CacheKind.stacks, CacheKind.arrays, CacheKind.derived}
