"""Which files of a folder belong to which subject, by the patterns of a card's layout."""

from __future__ import annotations

from pathlib import Path

from bench.cards import Layout
from bench.data.files import Match
from bench.data.find.images import match_images
from bench.data.find.medmnist import match_medmnist
from bench.data.find.volumes import match_volumes


def match_layout(dataset: str, layout: Layout, root: Path) -> Match:
    """Find the files of a layout.

    Args:
        dataset: name of the card.
        layout: patterns relative to ``root``.
        root: an existing folder.

    Raises:
        CardError: a pattern cannot be used, or gives an id that cannot be part of a file name.
        DataError: the folder, or a table in it, cannot be read.
    """
    if layout.kind == "volumes":
        return match_volumes(dataset, layout, root)
    if layout.kind == "images":
        return match_images(dataset, layout, root)
    return match_medmnist(dataset, layout, root)
