"""What preparation keeps of the lesions of a plan's test subjects, as far as the cache knows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.cards import ImagePreparation
from bench.data.prepare.request import PreparationRequest
from bench.data.prepare.subject import already_prepared
from bench.errors import counted, counted_of
from bench.planning.plan import Cell


def truth_lines(cells: Iterable[Cell], cache: Path) -> list[str]:
    """One sentence per task and size of the images; prepares nothing.

    Args:
        cells: of a plan.
        cache: the cache folder.
    """
    firsts = {(cell.task, cell.fit.budget.image_size): cell for cell in cells}
    return [_line(cell, cache) for cell in firsts.values()]


def _line(cell: Cell, cache: Path) -> str:
    size = cell.fit.budget.image_size
    request = PreparationRequest(
        cell.fit.channels,
        cell.fit.preparation,
        size,
        lesion_free=cell.test.lesion_free,
        with_label=True,
    )
    found = [already_prepared(one, request, cache) for one in cell.test.present]
    known = [one.truth for one in found if one is not None and one.truth is not None]
    start = f"{cell.task}, {size} px"
    flat = isinstance(cell.fit.preparation, ImagePreparation)
    if flat and not any(one.pixel_labels for one in cell.test.present):
        return f"{start}: no pixel labels"
    if None in found:
        missing = sum(one is None for one in found)
        return (
            f"{start}: {counted_of(missing, len(found), 'test subject', 'are')} not prepared yet, "
            "so it is not known which lesions are kept"
        )
    if not known:
        return f"{start}: no pixel labels"
    lesions, kept = sum(one.lesions for one in known), sum(one.lesions_kept for one in known)
    slices, shown = sum(one.slices for one in known), sum(one.slices_kept for one in known)
    voxels = sum(one.voxels for one in known)
    pixels = sum(one.voxels_kept for one in known)
    lost = f"; {lesions - kept} lost" if kept < lesions else ""
    return (
        f"{start}: {counted_of(kept, lesions, 'lesion', 'are')} kept ("
        f"{counted(voxels, 'pixel' if flat else 'voxel')} in "
        f"{counted(slices, 'image' if flat else 'slice')} of the files, "
        f"{counted(pixels, 'pixel')} in {counted(shown, 'prepared image')}){lost}"
    )
