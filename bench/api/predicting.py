"""The detector of a cell on new images: maps, overlays and scores in a folder."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.api.places import Folder, cell_of, open_store, write_text
from bench.api.prediction_files import (
    COLUMNS,
    Listener,
    Output,
    overlay_legend,
    score_lines,
    scores_json,
    standing_words,
    write_image,
)
from bench.errors import DataError, UsageError, counted, in_words

if TYPE_CHECKING:
    import pandas as pd

    from bench.data.cache.stored import PreparedSubject
    from bench.data.prepare.resample import Axis
    from bench.execution.fitted import Fitted
    from bench.execution.healthy import PMaps
    from bench.store.records import Record
    from bench.store.store import Store

P_MAPS_AFTER = "healthy@1"
"""The protocol whose steps (smoothing) come before p-values, as in ``bench healthy``."""
UNPREPARED = "cannot be prepared"
"""Why an image of a folder or pattern was skipped that a reader knows."""


def predict(
    images: Path | str | Sequence[Path | str],
    cell: Record | str,
    out: Path | str,
    *,
    masks: Sequence[Path | str] = (),
    p_maps: bool = False,
    device: str = "auto",
    results: Folder = None,
) -> pd.DataFrame:
    """Apply the detector of a cell to new images, as ``bench predict``.

    Args:
        images: files, folders, or patterns such as ``scans/*.nii.gz``. A task with several
            channels needs one of these per channel, joined by commas in the order of the channels.
        cell: of `run` or `load_records`, or a cell's name.
        out: folder for maps, foregrounds, overlays and scores; older files are overwritten.
        masks: foreground masks, one per image; empty takes those beside the images, where the
            dataset's card names them, else the rule of the preparation.
        p_maps: also write how unusual each voxel is among the healthy validation images.
        device: ``auto``, ``cpu`` or ``cuda``.
        results: the run store.

    Returns:
        The lines of ``scores.csv``, one per image or slice: ``image``, ``slice`` (NaN of a single
        image), ``score``, its ``percentile`` among the cell's normal validation images (0 to 100)
        and ``above_threshold``, the share (0 to 1) of the foreground above the threshold that is
        calibrated on these; NaN where it is not known. What was skipped or looks odd is in a
        warning.

    Raises:
        StoreError, UnknownName: no such cell, or its fit is not there any more.
        DataError: an image cannot be read, or a folder holds none.
        UsageError: not one mask per image, an image would be overwritten, or ``out`` cannot be
            written.
    """
    import pandas as pd

    store = open_store(results, must_exist=True)
    odd: list[str] = []
    given = [images] if isinstance(images, Path | str) else images
    asked = Asked(
        [str(one) for one in given], Path(out), [Path(one) for one in masks], p_maps, device
    )
    lines, _ = apply_detector(store, cell_of(store, cell), asked, Listener(warn=odd.append))
    for text in odd:
        warnings.warn(text, stacklevel=2)
    return pd.DataFrame(lines, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:], float))


@dataclass(frozen=True)
class Asked:
    """What is asked of a detector; see `predict`."""

    images: Sequence[str]
    out: Path
    masks: Sequence[Path] = ()
    p_maps: bool = False
    device: str = "auto"


@dataclass
class _Prepared:
    """By name: the first file of an image, and what the detector sees. Skipped files by reason.

    Of a 2-D image also where the pixels that the detector sees lie in it.
    """

    inputs: list[Path]
    skipped: dict[str, list[Path]]
    subjects: dict[str, tuple[Path, PreparedSubject]] = field(default_factory=dict)
    axes: dict[str, tuple[Axis, Axis]] = field(default_factory=dict)


def apply_detector(
    store: Store, record: Record, asked: Asked, listener: Listener
) -> tuple[list[dict[str, Any]], Mapping[str, Sequence[Path]]]:
    """Write what a cell's detector finds in new images.

    Returns:
        The lines of ``scores.csv``, and the files that were skipped, by reason.

    Raises:
        BenchError: as `predict`.
    """
    from bench.execution.fitted import load_fitted
    from bench.execution.keeping import subject_prediction
    from bench.execution.standing import standing_of

    fitted = load_fitted(store, record, asked.device)
    ranked = _calibrated(store, record, listener) if asked.p_maps else None
    standing = standing_of(store, record)
    prepared = _prepare(asked, fitted, listener)
    out, skipped = asked.out, prepared.skipped
    _refuse_overwriting(out, prepared.subjects, prepared.inputs)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"folder {out} cannot be created: {error.strerror or error}") from error
    lines: list[dict[str, Any]] = []
    for name, (path, subject) in prepared.subjects.items():
        found = fitted.judge(subject.images, subject.masks, subject.geometry)
        above = standing.above(subject_prediction(subject, "test", found))
        own = score_lines(name, subject, found, standing, above)
        axes, legend = prepared.axes.get(name), overlay_legend(standing)
        output = Output(out, name, path, listener, axes, legend)
        write_image(output, subject, found, ranked, above, own)
        lines += own
    content = io.StringIO(newline="")
    written = csv.DictWriter(content, fieldnames=COLUMNS)
    written.writeheader()
    written.writerows(lines)
    table = write_text(out / "scores.csv", content.getvalue())
    listener.wrote(write_text(out / "scores.json", scores_json(record, standing, lines, skipped)))
    for reason, some in skipped.items():
        listener.warn(f"skipped: {counted(len(some), 'file')} ({reason})")
    tell = listener.say if standing.scores.size else listener.warn
    tell(standing_words(standing))
    listener.wrote(table)
    return lines, skipped


def _prepare(asked: Asked, fitted: Fitted, listener: Listener) -> _Prepared:
    """Find and prepare the images, like the cell's own."""
    from bench.cards import ImagePreparation
    from bench.data.cache.folder import cache_dir
    from bench.data.find.given_images import given_images
    from bench.data.find.predict_files import Beside, given_subject
    from bench.data.prepare.images import axes_of
    from bench.data.prepare.subject import PreparationRequest, prepare_subject
    from bench.execution.run import background_notes

    masks = asked.masks
    given, searched, skipped = given_images(
        asked.images, fitted.dataset, fitted.channels, asked.out
    )
    if masks and len(masks) != len(given):
        raise UsageError(
            f"{len(masks)} --mask for {counted(len(given), 'image')}; expected one for each "
            "image, or none"
        )
    request = PreparationRequest(fitted.channels, fitted.preparation, fitted.size)
    prepared = _Prepared([*masks, *(one for paths in given for one in paths)], skipped)
    beside = Beside(fitted.dataset, fitted.channels[0])
    unmasked: list[str] = []
    for at, (name, paths) in enumerate(zip(_names([one[0] for one in given]), given, strict=True)):
        inside = masks[at] if masks else beside.mask(paths[0])
        files = given_subject(fitted.dataset, fitted.channels, name, paths, inside)
        if inside:
            listener.say(f"{name}: foreground: {inside}")
        else:
            unmasked.append(name)
        try:
            subject = prepare_subject(files, request, cache_dir())
        except DataError as error:
            if not searched[at]:
                raise
            skipped.setdefault(UNPREPARED, []).append(paths[0])
            listener.warn(f"{name} is left out: {in_words(error)}")
            continue
        for note in background_notes([subject]):
            listener.warn(f"{name}: {note}")
        prepared.subjects[name] = (paths[0], subject)
        if isinstance(fitted.preparation, ImagePreparation):
            (image,) = files.image_files
            prepared.axes[name] = axes_of(image, request, fitted.preparation, cache_dir())
    if unmasked:
        whose = unmasked[0] if len(unmasked) == 1 else f"{counted(len(unmasked), 'image')}"
        listener.say(f"{whose}: foreground: {_own_rule(fitted)}")
    return prepared


def _refuse_overwriting(out: Path, names: Iterable[str], inputs: Sequence[Path]) -> None:
    """Refuse to overwrite an input.

    Raises:
        UsageError: it names each input that would be overwritten.
    """
    from bench.data.read.formats import FORMATS

    given = {one.resolve() for one in inputs}
    suffixes = [*dict.fromkeys(one.maps for one in FORMATS), ".tiff", ".png"]
    endings = [f"{what}{one}" for what in ("map", "p", "foreground") for one in suffixes]
    faults = []
    for name in names:
        for ending in (*endings, "overlay.png"):
            path = out / f"{name}_{ending}"
            if path.resolve() in given:
                faults.append(f"{path} is an input and would be overwritten")
    if faults:
        raise UsageError("\n".join(faults), hint="choose another --out")


def _own_rule(fitted: Fitted) -> str:
    from bench.cards import ImagePreparation

    if not isinstance(fitted.preparation, ImagePreparation):
        rule = "all voxels that are not background"
    elif fitted.preparation.foreground == "whole":
        rule = "the whole image"
    else:
        rule = "all pixels that are not background"
    return f"{rule} (no mask was given)"


def _names(paths: Sequence[Path]) -> list[str]:
    """A short name for each file, all different: with a folder in front where that is needed.

    Raises:
        UsageError: a file is given twice.
    """
    from bench.data.read.formats import stem

    whole = [path.absolute() for path in paths]
    plain = [stem(one) for one in whole]
    for depth in range(max(len(one.parts) for one in whole)):
        names = [
            "_".join([*one.parts[-1 - depth : -1], name]).replace("/", "")
            for one, name in zip(whole, plain, strict=True)
        ]
        if len({*names}) == len(names):
            return names
    raise UsageError("an image is given twice, or two images differ only in their suffixes")


def _calibrated(store: Store, record: Record, listener: Listener) -> PMaps:
    """P-maps by the cell's healthy validation images; how many they are is said."""
    from bench import registry
    from bench.execution.healthy import p_maps_of_cell

    protocol = registry.protocol(P_MAPS_AFTER)
    ranked, subjects = p_maps_of_cell(store, record, protocol)
    listener.say(
        f"p-maps: calibrated on {counted(subjects, 'healthy validation subject')}, maps as "
        f"{protocol.id} has them"
    )
    return ranked
