"""Charts for papers: PDF and PNG, as wide as a column of text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from bench.atomic import PICTURE_SUFFIXES, picture_format, whole_file
from bench.errors import UsageError
from bench.report.figures.chart import Axis, Chart, Series, percent
from bench.report.figures.gallery import Shown, shared_scale
from bench.report.tables.table import one_line

COLUMN_INCHES = 3.4
# Letters that fit in a row of the legend: in one of two columns, and in a single one.
_HALF_ROW = 24
_WHOLE_ROW = 52
_STYLE: Any = {  # a dict, of keys that matplotlib lists as literals
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 6.5,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.4,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "text.parse_math": False,  # names may hold dollar signs
    "pdf.fonttype": 42,  # letters stay letters, as journals ask
}
_TRUTH = ListedColormap(["black", "0.5", "#ffb000"])
_MARKERS = {"circle": "o", "square": "s", "triangle": "^"}


def save_charts(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Draw charts; the same bytes for the same chart on one version of matplotlib.

    Args:
        charts: of `all_charts`.
        folder: made where it is missing; files of the same name are overwritten.

    Returns:
        The files, two per chart.

    Raises:
        UsageError: the folder cannot be written.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in charts:
            with rc_context(_STYLE):
                figure = _draw(chart)
                for suffix in ("pdf", "png"):
                    path = folder / f"{chart.name}.{suffix}"
                    meta = {"CreationDate": None} if suffix == "pdf" else {}
                    with whole_file(path) as partial:
                        figure.savefig(partial, dpi=300, metadata=meta)
                    written.append(path)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return written


def save_chart(chart: Chart, out: Path) -> None:
    """Draw one chart to a PNG or PDF file; it is overwritten.

    Raises:
        UsageError: another suffix, or the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in (".png", ".pdf"):
        raise UsageError(f"{out} must end in .png or .pdf")
    meta = {"CreationDate": None} if suffix == ".pdf" else {}
    try:
        with rc_context(_STYLE), whole_file(out) as partial:
            _draw(chart).savefig(partial, dpi=300, metadata=meta, format=suffix[1:])
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from error


def save_gallery(shown: Sequence[Shown], title: str, metric: str, out: Path) -> Path:
    """Draw subjects of one cell: input, steps, map and truth; one scale for all maps.

    Args:
        shown: of `shown_subjects`, at least one; all with the same steps.
        title: of the figure.
        metric: name of the number that chose the subjects.
        out: a PNG, JPEG or PDF file, by its suffix; it is overwritten.

    Raises:
        UsageError: another suffix, or the file cannot be written.
    """
    form = picture_format(out)
    if form is None:
        raise UsageError(f"{out} must end in one of {PICTURE_SUFFIXES}")
    low, high = shared_scale(shown)
    names = ["input", *shown[0].steps, "map", "truth"]
    width = 2 * COLUMN_INCHES + 2.1 * (len(names) - 3)
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, 2.1 * len(shown) + 0.8), layout="constrained")
        figure.suptitle(one_line(title))
        grid = figure.subplots(len(shown), len(names), squeeze=False)
        for axes, one in zip(grid, shown, strict=True):
            axes[0].set_ylabel(
                f"{one.standing}: {one_line(one.subject)}\n{_value(one, metric)}, "
                f"image {one.at + 1} of {one.of}"
            )
            if one.input is not None:
                axes[0].imshow(one.input, cmap="gray", vmin=0, vmax=1)
            else:
                axes[0].text(0.5, 0.5, "input not kept", ha="center", transform=axes[0].transAxes)
            for panel, step in zip(axes[1:-2], one.steps.values(), strict=True):
                panel.imshow(step, cmap="gray", vmin=0, vmax=1)
            axes[-2].set_facecolor("black")
            drawn = axes[-2].imshow(
                _outside_black(one), cmap="viridis", vmin=low, vmax=high if high > low else low + 1
            )
            axes[-1].imshow(_truth(one), cmap=_TRUTH, vmin=0, vmax=2)
            if one.lesion is None:
                axes[-1].set_xlabel("abnormal" if one.abnormal else "normal")
            for panel in axes:
                panel.set_xticks([])
                panel.set_yticks([])
        for panel, name in zip(grid[0], names, strict=True):
            panel.set_title(one_line(name), fontsize=8)
        figure.colorbar(drawn, ax=grid.ravel().tolist(), shrink=0.8, label="raw map value")
        try:
            with whole_file(out) as partial:
                figure.savefig(partial, format=form, dpi=150)
        except OSError as error:
            raise UsageError(
                f"{out} cannot be written: {error.strerror or error}",
                hint="name another file with --out",
            ) from error
    return out


def _value(one: Shown, metric: str) -> str:
    return f"no {metric} of its own" if math.isnan(one.value) else f"{metric} {percent(one.value)}"


def _truth(one: Shown) -> Any:  # noqa: ANN401 - an array
    """0 outside, 1 in the foreground, 2 in a lesion."""
    level = one.inside.astype("uint8")
    if one.lesion is not None:
        level[one.lesion] = 2
    return level


def _outside_black(one: Shown) -> Any:  # noqa: ANN401 - a masked array
    import numpy as np

    return np.ma.masked_array(one.map, mask=~one.inside)


def _draw(chart: Chart) -> Figure:
    named = not chart.y.title
    labelled = list(dict.fromkeys(one.label for one in chart.series if one.label))
    needs_legend = not named and len(labelled) > 1
    height = 0.9 + 0.17 * len(chart.y.ticks) if named else 2.4
    columns = 2 if all(len(one_line(one)) <= _HALF_ROW for one in labelled) else 1
    rows = sum(_legend_label(one).count("\n") + 1 for one in labelled)
    height += 0.13 * ((rows + columns - 1) // columns) if needs_legend else 0
    figure = Figure(figsize=(COLUMN_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    _set_axis(axes, chart.x, "x")
    _set_axis(axes, chart.y, "y")
    if chart.ordered:
        axes.invert_yaxis()
    axes.grid(visible=True)
    said: set[str] = set()
    for one in chart.series:
        _add(axes, one, label=one.label if one.label not in said else "")
        said.add(one.label)
    if needs_legend:
        figure.legend(loc="outside lower center", ncols=columns, frameon=False, handlelength=1.5)
    return figure


def _set_axis(axes: Axes, axis: Axis, which: str) -> None:
    if axis.log:
        axes.set(**{f"{which}scale": "log"})
    axes.set(**{f"{which}lim": (axis.low, axis.high), f"{which}label": axis.title})
    positions, labels = [at for at, _ in axis.ticks], [one_line(text) for _, text in axis.ticks]
    axes.set(**{f"{which}ticks": positions, f"{which}ticklabels": labels})
    axes.minorticks_off()
    if which == "x" and not axis.title:
        axes.tick_params(axis="x", rotation=35)


def _legend_label(label: str) -> str:
    """A label in lines that fit; one that begins with an underscore would be left out."""
    text = f"\u200b{one_line(label)}" if label.startswith("_") else one_line(label)
    return textwrap.fill(text, _WHOLE_ROW)


def _add(axes: Axes, one: Series, label: str) -> None:
    across, down = zip(*one.points, strict=True)
    shown = _legend_label(label) or None
    if one.kind == "chance":
        axes.plot(across, down, color="0.35", linestyle=(0, (5, 3)), linewidth=0.9, label=shown)
    elif one.kind == "bar":
        axes.plot(across, down, color="0.2", linewidth=2.5, solid_capstyle="round")
    else:
        axes.plot(
            across,
            down,
            color=one.colour,
            linestyle="none" if one.kind == "dots" else (0, one.dash) if one.dash else "-",
            marker="none" if one.kind == "line" else _MARKERS[one.marker],
            markersize=4,
            linewidth=1.1,
            label=shown,
        )
