"""Images that a tag turns upright, and labels on which nobody can tell whether they were turned.

A label is drawn on what a viewer shows, or made by a program from the rows and columns as they are
stored. Where both have one shape, a label without the tag of its image may be either.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.data.read.damage import damage
from bench.data.read.formats import image_format, known_format
from bench.errors import DataError

_FIRST_SIDEWAYS = 5  # orientations from here on swap rows and columns


def require_turned_alike(images: Iterable[Path], beside: Path, shape: tuple[int, int]) -> None:
    """Refuse a label or a mask of which nobody knows whether it lies on its image.

    Args:
        images: of all modalities.
        beside: the label or mask.
        shape: (H, W) of both, upright.

    Raises:
        DataError: a tag turns one of the two, and the shapes do not tell on what it was drawn.
    """
    own = _orientation(beside)
    for image in images:
        other = _orientation(image)
        sideways = (own >= _FIRST_SIDEWAYS) != (other >= _FIRST_SIDEWAYS)
        if own == other or (sideways and shape[0] != shape[1]):
            continue
        raise DataError(
            f"a tag turns {image} (orientation {other}) otherwise than {beside} (orientation"
            f" {own}), so nobody knows whether they lie upon each other; expected the same tag",
            hint="save the image upright without the tag (Pillow: ImageOps.exif_transpose) and the"
            " label as it lies on it, then look with `bench data show`",
        )


def _orientation(path: Path) -> int:
    """1 to 8; 1 of a file that has no such tag."""
    if known_format(path, "image") is None:
        return 1
    with damage(path):
        return image_format(path).orientation(path)
