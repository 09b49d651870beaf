"""How much disk a plan's predictions need."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cards import Preparation
from bench.data.find.selection import Selection
from bench.planning.plan import Cell, Fit
from bench.planning.request import Keep


def disk_bytes(cells: Sequence[Cell], keep: Keep) -> int:
    """An upper estimate of the disk that predictions need: every slice of the grid, uncompressed.

    Args:
        cells: the cells to come.
        keep: what of their predictions will stay.
    """
    if keep == "none":
        return 0
    total = 0
    for cell in cells:
        images = _images(cell.test, cell.fit) + _images(cell.fit.validation, cell.fit)
        pixels = images * cell.fit.budget.image_size**2
        per_pixel = 4 + 2 / 8 if keep == "maps" else 2 / 8  # a float32 map and two bit masks
        total += int(pixels * per_pixel)
    return total


def _images(selection: Selection, fit: Fit) -> int:
    if isinstance(fit.preparation, Preparation):
        return len(selection.present) * fit.preparation.grid[2]
    return sum(len(one.image_files) for one in selection.present)
