"""Which files of a folder belong to which subject, by the patterns of a card's layout."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.cards import Layout
from bench.data.files import Match
from bench.data.find.exclusion import Exclusion
from bench.data.find.images import match_images
from bench.data.find.medmnist import match_medmnist
from bench.data.find.volumes import match_volumes


def match_layout(dataset: str, layout: Layout, root: Path, exclude: Iterable[str] = ()) -> Match:
    """Find the files of a layout.

    Args:
        dataset: name of the card.
        layout: patterns relative to ``root``.
        root: an existing folder.
        exclude: subjects and files that the card leaves out.

    Raises:
        CardError: a pattern cannot be used, or gives an empty id.
        DataError: the folder, or a table in it, cannot be read.
    """
    exclusion = Exclusion(exclude)
    if layout.kind == "volumes":
        return match_volumes(dataset, layout, root, exclusion)
    if layout.kind == "images":
        return match_images(dataset, layout, root, exclusion)
    return match_medmnist(dataset, layout, root, exclusion)
