"""A detector's map laid over the image it judged, as one PNG."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.figure import Figure

from bench.atomic import whole_file
from bench.errors import UsageError
from bench.report.tables.table import one_line

_STYLE: Any = {"font.size": 8, "text.parse_math": False}  # names may hold dollar signs
_MOST_ALPHA = 0.85
_LETTERS_PER_INCH, _LINE_INCHES = 18, 0.13  # of text in 7 points


@dataclass(frozen=True)
class Overlaid:
    """One image with its map.

    Attributes:
        title: written above it.
        image: (H, W) grey or (H, W, 3) RGB, float32; 0 is drawn black and 1 white.
        map: (H, W) float32, raw, in the method's own unit; higher is more anomalous.
        inside: (H, W) bool, foreground; the map is not drawn outside.
        above: (H, W) bool, where a threshold is exceeded, drawn as an outline; None draws none.
        note: written above the image with its map, such as where its score stands.
    """

    title: str
    image: npt.NDArray[np.float32]
    map: npt.NDArray[np.float32]
    inside: npt.NDArray[np.bool_]
    above: npt.NDArray[np.bool_] | None = None
    note: str = ""


def save_overlay(
    shown: Sequence[Overlaid],
    title: str,
    scale: tuple[float, float],
    out: Path,
    *,
    legend: str = "",
) -> None:
    """Draw images above, and below with their maps: the higher the value, the less transparent.

    Args:
        shown: at least one; all of one height and width look best.
        title: of the figure.
        scale: map values that are drawn as see-through and as the last colour. Where they are
            equal, the scale ends 1.0 above the first.
        out: a PNG file; it is overwritten.
        legend: below the images: what outlines and notes mean.

    Raises:
        UsageError: the file cannot be written.
    """
    low, high = scale if scale[1] > scale[0] else (scale[0], scale[0] + 1.0)
    rows, columns = (2, len(shown)) if len(shown) > 1 else (1, 2)
    with rc_context(_STYLE):
        width = 1.7 * columns + 1.2
        below = textwrap.wrap(one_line(legend), int(_LETTERS_PER_INCH * width))
        height = 1.9 * rows + 0.5 + _LINE_INCHES * len(below)
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.suptitle(one_line(title), fontsize=8)
        if below:
            figure.supxlabel("\n".join(below), fontsize=7)
        grid = figure.subplots(rows, columns, squeeze=False)
        pairs = grid.T if len(shown) > 1 else grid
        for (plain, laid), one in zip(pairs, shown, strict=True):
            for axes in (plain, laid):
                axes.imshow(one.image, cmap="gray", vmin=0, vmax=1)
                axes.set_xticks([])
                axes.set_yticks([])
            share = np.clip((one.map - low) / (high - low), 0, 1)
            drawn = laid.imshow(
                one.map, cmap="autumn", vmin=low, vmax=high, alpha=_MOST_ALPHA * share * one.inside
            )
            if one.above is not None and one.above.any() and not one.above.all():
                laid.contour(one.above, levels=[0.5], colors="cyan", linewidths=0.7)
            plain.set_title(one_line(one.title), fontsize=7)
            if one.note:
                laid.set_title(one_line(one.note), fontsize=7)
        bar = figure.colorbar(
            drawn, ax=grid.ravel().tolist(), shrink=0.8, label="raw map value (low: see-through)"
        )
        if bar.solids is not None:
            bar.solids.set_alpha(1)  # the bar does not share the images' alphas
        try:
            with whole_file(out) as partial:
                figure.savefig(partial, format="png", dpi=150)
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error


def map_range(maps: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The range of map values that an overlay draws, for `save_overlay`.

    Args:
        maps: (N, H, W) or (H, W) float32, raw.
        inside: bool of the same shape, the foreground.

    Returns:
        The 1st and the 99.5th percentile of the foreground's values, in the maps' unit;
        ``(0.0, 1.0)`` without foreground.
    """
    values = maps[inside]
    if not values.size:
        return 0.0, 1.0
    low, high = np.quantile(values, [0.01, 0.995])
    return float(low), float(high)
