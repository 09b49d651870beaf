"""The files that a detector's predictions of new images are written to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.data.arrays import FloatArray
    from bench.data.cache.stored import PreparedSubject
    from bench.data.prepare.resample import Axis
    from bench.detector import Prediction
    from bench.execution.healthy import PMaps
    from bench.execution.standing import Standing
    from bench.geometry import Geometry
    from bench.report.figures.overlay import Overlaid
    from bench.store.records import Record

SLICES_SHOWN = 6


def _ignore(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Listener:
    """Who hears of what happens.

    Attributes:
        say: what may be of interest.
        warn: what was left out or looks odd.
        wrote: a file that was written.
    """

    say: Callable[[str], None] = _ignore
    warn: Callable[[str], None] = _ignore
    wrote: Callable[[Path], None] = _ignore


COLUMNS = ["image", "slice", "score", "percentile", "above_threshold"]


def score_lines(
    name: str,
    subject: PreparedSubject,
    found: Prediction,
    standing: Standing,
    above: npt.NDArray[np.bool_] | None,
) -> list[dict[str, Any]]:
    """One line per image: its score, and where that stands; what is unknown is empty."""
    volume = subject.geometry is not None
    lines: list[dict[str, Any]] = []
    for at, score in enumerate(found.scores):
        inside = int(subject.masks[at].sum())
        share = None if above is None or not inside else float(above[at].sum() / inside)
        values = [name, at if volume else None, float(score), standing.percentile(score), share]
        lines.append(dict(zip(COLUMNS, values, strict=True)))
    return lines


def scores_json(
    record: Record,
    standing: Standing,
    lines: Sequence[Mapping[str, Any]],
    skipped: Mapping[str, Sequence[Path]],
) -> str:
    """The text of ``scores.json``: what percentiles follow from, the lines, what was skipped."""
    content = {
        "cell": record.key,
        "task": record.task,
        "method": record.method,
        "normal_validation_images": int(standing.scores.size),
        "threshold": None
        if standing.threshold is None
        else {
            "value": standing.threshold,
            "protocol": standing.protocol.id,
            "exceeded_by": standing.rate,
        },
        "images": lines,
        "skipped": {reason: [str(one) for one in some] for reason, some in skipped.items()},
    }
    return json.dumps(content, indent=1) + "\n"


def overlay_legend(standing: Standing) -> str:
    """What the outline and the percentiles of an overlay mean; empty where it has neither."""
    texts = []
    if standing.threshold is not None:
        texts.append(
            f"Outlined: above the threshold {standing.threshold:.4g} (maps as"
            f" {standing.protocol.id} has them), which {100 * standing.rate:g} % of the pixels of"
            " normal validation images exceed."
        )
    if standing.scores.size:
        texts.append(
            "Percentile: of the image's score among"
            f" {counted(len(standing.scores), 'normal validation image')}."
        )
    return " ".join(texts)


def overlay_note(line: Mapping[str, Any]) -> str:
    """Where one image stands, from its line of ``scores.csv``: ``percentile 97.2, 3.1 % above``."""
    percentile, share = line["percentile"], line["above_threshold"]
    texts = [] if percentile is None else [f"percentile {percentile:.1f}"]
    if share is not None:
        texts.append(f"{100 * share:.1f} % above")
    return ", ".join(texts)


def standing_words(standing: Standing) -> str:
    """What percentiles and threshold follow from."""
    if not standing.scores.size:
        return "no percentile: the cell has no predictions of normal validation images"
    text = f"percentiles are among {counted(len(standing.scores), 'normal validation image')}"
    if standing.threshold is None:
        return f"{text}; no threshold: no maps of them were kept"
    return (
        f"{text}; the threshold {standing.threshold:.4g} (maps as {standing.protocol.id} has them) "
        f"is exceeded by {100 * standing.rate:g} % of their pixels"
    )


@dataclass(frozen=True)
class Output:
    """Where the files of one image go.

    Attributes:
        folder: for all of them.
        name: what they begin with.
        source: the image's own file.
        listener: hears of them.
        axes: of a 2-D image, where the pixels of its prepared square lie.
        legend: of `overlay_legend`.
    """

    folder: Path
    name: str
    source: Path
    listener: Listener
    axes: tuple[Axis, Axis] | None = None
    legend: str = ""

    def path(self, ending: str) -> Path:
        """One of its files, such as ``p1_map.nii.gz``."""
        return self.folder / f"{self.name}_{ending}"


def write_image(
    output: Output,
    subject: PreparedSubject,
    found: Prediction,
    ranked: PMaps | None,
    above: npt.NDArray[np.bool_] | None,
    lines: Sequence[Mapping[str, Any]],
) -> None:
    """Write map, p-map, foreground and overlay of one image; ``lines`` are of `score_lines`."""
    from bench.report.figures.overlay import map_range, save_overlay

    maps = found.unsigned_maps
    if maps is None:
        output.listener.warn(f"{output.name}: no map is written, this method gives scores only")
        return
    p_values = None if ranked is None else ranked(found, subject)
    notes = [overlay_note(one) for one in lines]
    if subject.geometry is not None:
        written = _volume_files(output, subject, subject.geometry, maps, p_values)
        shown = _slices(subject, maps, found.scores, above, notes)
    else:
        written, overlaid = _picture_files(output, subject, maps, p_values, above, notes[0])
        shown = [overlaid]
    overlay = output.path("overlay.png")
    save_overlay(shown, output.name, map_range(maps, subject.masks), overlay, legend=output.legend)
    for one in (overlay, *written):
        output.listener.wrote(one)


def _volume_files(
    output: Output,
    subject: PreparedSubject,
    geometry: Geometry,
    maps: FloatArray,
    p_values: FloatArray | None,
) -> list[Path]:
    """Write map, foreground and p-map of a volume on its own grid; the files."""
    import numpy as np

    from bench.data.prepare import export

    map, inside = export.to_volume(maps, subject.masks, geometry)
    wanted: dict[str, FloatArray | npt.NDArray[np.bool_]] = {"map": map, "foreground": inside}
    if p_values is not None:
        values, _ = export.to_volume(p_values, subject.masks, geometry)
        wanted["p"] = np.where(inside, values, np.float32(1))
    suffix = export.map_suffix(output.source)
    written = [output.path(f"{what}{suffix}") for what in wanted]
    for path, array in zip(written, wanted.values(), strict=True):
        export.write_volume(path, array, like=output.source)
    return written


def _picture_files(
    output: Output,
    subject: PreparedSubject,
    maps: FloatArray,
    p_values: FloatArray | None,
    above: npt.NDArray[np.bool_] | None,
    note: str,
) -> tuple[list[Path], Overlaid]:
    """Write map, foreground and p-map of a 2-D image at its own size; the files, and an overlay."""
    import numpy as np

    from bench.data.prepare import export
    from bench.data.read import images as pictures
    from bench.report.figures.overlay import Overlaid

    picture = pictures.read_image(output.source)
    shape = picture.shape[0], picture.shape[1]
    mask = subject.masks[0]
    map, inside = export.to_image(maps[0], mask, shape, output.axes)
    written = [output.path("map.tiff"), output.path("foreground.png")]
    export.write_map(written[0], map)
    export.write_mask(written[1], inside)
    if p_values is not None:
        values, _ = export.to_image(p_values[0], mask, shape, output.axes)
        written.append(output.path("p.tiff"))
        export.write_map(written[2], np.where(inside, values, np.float32(1)))
    outline = None
    if above is not None:
        wide = above[0].astype(np.float32)
        outline = export.to_image(wide, mask, shape, output.axes)[0] > 0.5
    overlaid = Overlaid(output.name, _from_0_to_1(picture), map, inside, outline, note)
    return written, overlaid


def _slices(
    subject: PreparedSubject,
    maps: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    above: npt.NDArray[np.bool_] | None,
    notes: Sequence[str],
) -> list[Overlaid]:
    """The slice with the highest score, then some that are evenly spaced, on the prepared grid."""
    from bench.report.figures.overlay import Overlaid

    count, top = len(scores), int(scores.argmax())
    rest = [int((n + 0.5) * count / (SLICES_SHOWN - 1)) for n in range(SLICES_SHOWN - 1)]
    chosen = [top, *sorted({*rest} - {top})]
    return [
        Overlaid(
            f"slice {at}{', highest score' if at == top else ''}",
            subject.images[at, 0],
            maps[at],
            subject.masks[at],
            None if above is None else above[at],
            notes[at],
        )
        for at in chosen
    ]


def _from_0_to_1(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = float(picture.min()), float(picture.max())
    scaled: npt.NDArray[np.float32] = (picture - low) / ((high - low) or 1.0)
    return scaled
