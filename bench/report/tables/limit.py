"""The size that each method finds in half of the cases, at each contrast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.errors import counted
from bench.report.tables.table import Cell, Column, Number, Table, Text
from bench.stats.limits import LEAST_SUBJECTS

if TYPE_CHECKING:
    from bench.stats.detection import Fitted, Limit

_LEGEND = (
    "Found: the map exceeds the threshold at the lesion or one voxel beside it, and the map of the "
    "same volume without lesions does not at the same place. The threshold is the lowest with at "
    "most one false positive (a peak of the map) per lesion-free volume.",
    "Size: diameter in mm of a ball of the lesion's volume that is found in half of the cases, by "
    "logistic regression on the logarithms of size and contrast (Firth's correction); 95 % "
    "interval by bootstrap over volumes, threshold and fit made again in each; with fewer than "
    f"{LEAST_SUBJECTS} volumes there is none. Below and above: beyond the sizes that were put in.",
    "Contrast: change of intensity, as a share of the range between the 5th and the 95th "
    "percentile of the volume's foreground.",
)


def limit_table(title: str, name: str, fits: Mapping[str, Fitted]) -> Table:
    """One line per method, best at the highest contrast first.

    Args:
        title: of the data set.
        name: of the table.
        fits: by the label of each method; all of the same lesions.
    """
    first = next(iter(fits.values()))
    contrasts = [one.contrast for one in first.limits]
    sizes = sorted({size for size, _ in first.shares})
    lines = sorted(fits.items(), key=lambda one: [*_last(one[1]), one[0]])
    return Table(
        title=title,
        name=name,
        caption=f"{counted(first.lesions, 'lesion')} of {sizes[0]:g} to {sizes[-1]:g} mm in "
        f"{counted(first.volumes, 'normal volume')}, each beside its lesion-free twin.",
        columns=(
            Column("Method", kind="text"),
            Column("Found", unit="%", scale=100, decimals=1),
            *(Column(f"Size, mm, at contrast {one:g}", kind="text") for one in contrasts),
        ),
        rows=tuple(
            (
                Text(label),
                Number(one.found / one.lesions),
                *(_cell(limit, sizes[0], sizes[-1]) for limit in one.limits),
            )
            for label, one in lines
        ),
        legend=_LEGEND,
    )


def _last(one: Fitted) -> tuple[float, float]:
    return one.limits[-1].diameter_mm, -one.found


def _cell(limit: Limit, smallest: float, largest: float) -> Cell:
    text = _size(limit.diameter_mm, smallest, largest)
    if limit.low is not None and limit.high is not None:
        ends = (_size(one, smallest, largest) for one in (limit.low, limit.high))
        text = f"{text} [{', '.join(ends)}]"
    return Text(text)


def _size(diameter: float, smallest: float, largest: float) -> str:
    """What lies beyond the sizes that were tried is not a number."""
    if not math.isfinite(diameter) or diameter > largest:
        return f"above {largest:g}"
    return f"below {smallest:g}" if diameter < smallest else f"{diameter:.1f}"
