"""``bench predict``: apply the detector of a cell to new images."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli import options as o
from bench.errors import DataError, UsageError, counted, in_words

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.data.cache.stored import PreparedSubject
    from bench.detector import Prediction
    from bench.execution.fitted import Fitted
    from bench.execution.healthy import PMaps
    from bench.execution.standing import Standing
    from bench.report.figures.overlay import Overlaid
    from bench.store.records import Record
    from bench.store.store import Store

P_MAPS_AFTER = "healthy@1"
"""The protocol whose steps (smoothing) come before p-values, as in ``bench healthy``."""
SLICES_SHOWN = 6


def predict(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Image files, folders, or quoted patterns such as 'scans/*.nii.gz'. A task with "
            "several channels needs one of these per channel, joined by commas in the order of the "
            "channels: a_T1.nii.gz,a_T2.nii.gz",
        ),
    ],
    cell: o.CellName,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the output files.")],
    mask: Annotated[
        list[Path],
        typer.Option(
            "--mask",
            help="Foreground mask: one per image, in the same order. Default: the mask beside the "
            "image, where the dataset's card names one, else the rule of the preparation.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    p_maps: Annotated[
        bool,
        typer.Option(
            "--p-maps",
            help="Also NAME_p: how unusual each voxel is among those of the cell's healthy "
            "validation images, from 0 to 1 (see bench healthy).",
        ),
    ] = False,
    device: o.DeviceOption = o.Device.auto,
    results: o.Results = o.DEFAULT_RESULTS,
) -> None:
    """Apply the detector of a cell to new images. They are prepared like the cell's own images.

    Writes for each image NAME_map (NIfTI on the voxel grid of the input, or a float TIFF of the
    input's size; raw values, 0 outside the foreground), NAME_foreground and NAME_overlay.png, and
    one scores.csv and scores.json for all images, with the percentile of each score among the
    cell's normal validation images and the share of the foreground above the threshold that is
    calibrated on them, which the overlay outlines; with --p-maps also NAME_p, 1 outside the
    foreground. Older files of these names are overwritten. A volume gets one score per slice. In
    folders, files that are no images are skipped and counted.

    Example: bench predict --cell 3f9c scan.nii.gz --out predictions
    """
    from bench.cli.tables import write_text
    from bench.data.cache.folder import cache_dir
    from bench.data.find.given_images import given_images
    from bench.data.find.predict_files import given_subject, mask_beside
    from bench.data.prepare.subject import PreparationRequest, prepare_subject
    from bench.execution.fitted import load_fitted
    from bench.execution.keeping import subject_prediction
    from bench.execution.run import background_notes
    from bench.execution.standing import standing_of
    from bench.store.naming import find_cell
    from bench.store.store import Store

    store = Store(results)
    store.must_exist()
    record = find_cell(store, cell)
    fitted = load_fitted(store, record, device.value)
    ranked = _calibrated(store, record) if p_maps else None
    standing = standing_of(store, record)
    given, searched, skipped = given_images(images, fitted.dataset, fitted.channels, out)
    if mask and len(mask) != len(given):
        raise UsageError(
            f"{len(mask)} --mask for {len(given)} images; expected one for each image, or none"
        )
    request = PreparationRequest(fitted.channels, fitted.preparation, fitted.size)
    prepared: dict[str, tuple[Path, PreparedSubject]] = {}
    for at, (name, paths) in enumerate(zip(_names([one[0] for one in given]), given, strict=True)):
        inside = mask[at] if mask else mask_beside(fitted.dataset, fitted.channels[0], paths[0])
        files = given_subject(fitted.dataset, fitted.channels, name, paths, inside)
        typer.echo(f"{name}: foreground: {inside or _own_rule(fitted)}", err=True)
        try:
            subject = prepare_subject(files, request, cache_dir())
        except DataError as error:
            if not searched[at]:
                raise
            skipped.setdefault("cannot be prepared", []).append(paths[0])
            typer.echo(f"{name} is left out: {in_words(error)}", err=True)
            continue
        for note in background_notes([subject]):
            typer.echo(f"{name}: {note}", err=True)
        prepared[name] = (paths[0], subject)
    _refuse_overwriting(out, prepared, [*mask, *(one for paths in given for one in paths)])
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"folder {out} cannot be created: {error.strerror or error}") from error
    lines: list[dict[str, Any]] = []
    for name, (path, subject) in prepared.items():
        found = fitted.judge(subject.images, subject.masks, subject.geometry)
        above = standing.above(subject_prediction(subject, "test", found))
        _write(out, name, path, subject, found, ranked, above)
        lines += _lines(name, subject, found, standing, above)
    content = io.StringIO(newline="")
    written = csv.DictWriter(content, fieldnames=_COLUMNS)
    written.writeheader()
    written.writerows(lines)
    table = write_text(out / "scores.csv", content.getvalue())
    typer.echo(write_text(out / "scores.json", _as_json(record, standing, lines, skipped)))
    for reason, some in skipped.items():
        typer.echo(f"skipped: {counted(len(some), 'file')} ({reason})", err=True)
    typer.echo(_standing_words(standing), err=True)
    typer.echo(table)
    raise typer.Exit(1 if "cannot be prepared" in skipped else 0)


_COLUMNS = ["image", "slice", "score", "percentile", "above_threshold"]


def _lines(
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
        lines.append(dict(zip(_COLUMNS, values, strict=True)))
    return lines


def _as_json(
    record: Record,
    standing: Standing,
    lines: Sequence[Mapping[str, Any]],
    skipped: Mapping[str, Sequence[Path]],
) -> str:
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


def _standing_words(standing: Standing) -> str:
    """What percentiles and threshold follow from."""
    if not standing.scores.size:
        return "no percentile: the cell kept no predictions of normal validation images"
    text = f"percentiles are among {counted(len(standing.scores), 'normal validation image')}"
    if standing.threshold is None:
        return f"{text}; no threshold: no maps of them were kept"
    return (
        f"{text}; the threshold {standing.threshold:.4g} (maps as {standing.protocol.id} has them) "
        f"is exceeded by {100 * standing.rate:g} % of their pixels"
    )


def _refuse_overwriting(out: Path, names: Iterable[str], inputs: Sequence[Path]) -> None:
    """Refuse to overwrite an input.

    Raises:
        UsageError: it names each input that would be overwritten.
    """
    given = {one.resolve() for one in inputs}
    faults = []
    for name in names:
        for ending in ("map.nii.gz", "map.tiff", "p.nii.gz", "p.tiff", "foreground.nii.gz",
                       "foreground.png", "overlay.png"):  # fmt: skip
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
        rule = "all pixels that are not 0"
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


def _calibrated(store: Store, record: Record) -> PMaps:
    """P-maps by the cell's healthy validation images; how many they are is said."""
    from bench import registry
    from bench.execution.healthy import p_maps_of_cell

    protocol = registry.protocol(P_MAPS_AFTER)
    ranked, subjects = p_maps_of_cell(store, record, protocol)
    typer.echo(
        f"p-maps: calibrated on {subjects} healthy validation subjects, maps as {protocol.id} has "
        "them",
        err=True,
    )
    return ranked


def _write(
    out: Path,
    name: str,
    path: Path,
    subject: PreparedSubject,
    found: Prediction,
    ranked: PMaps | None,
    above: npt.NDArray[np.bool_] | None,
) -> None:
    """Write map, p-map, foreground and overlay of one image."""
    import numpy as np

    from bench.data.prepare import export
    from bench.data.read import images as pictures
    from bench.report.figures.overlay import Overlaid, map_range, save_overlay

    maps = found.unsigned_maps
    if maps is None:
        typer.echo(f"{name}: no map is written, this method gives scores only", err=True)
        return
    written = [out / f"{name}_overlay.png"]
    scale = map_range(maps, subject.masks)
    if subject.geometry is not None:
        map, inside = export.to_volume(maps, subject.masks, subject.geometry)
        written += [out / f"{name}_map.nii.gz", out / f"{name}_foreground.nii.gz"]
        export.write_volume(written[1], map, like=path)
        export.write_volume(written[2], inside, like=path)
        if ranked is not None:
            values, _ = export.to_volume(ranked(found, subject), subject.masks, subject.geometry)
            written.append(out / f"{name}_p.nii.gz")
            export.write_volume(written[-1], np.where(inside, values, np.float32(1)), like=path)
        shown = _slices(subject, maps, found.scores, above)
    else:
        picture = pictures.read_image(path)
        shape = picture.shape[0], picture.shape[1]
        map, inside = export.to_image(maps[0], subject.masks[0], shape)
        written += [out / f"{name}_map.tiff", out / f"{name}_foreground.png"]
        export.write_map(written[1], map)
        export.write_mask(written[2], inside)
        if ranked is not None:
            values, _ = export.to_image(ranked(found, subject)[0], subject.masks[0], shape)
            written.append(out / f"{name}_p.tiff")
            export.write_map(written[-1], np.where(inside, values, np.float32(1)))
        outline = None
        if above is not None:
            wide = above[0].astype(np.float32)
            outline = export.to_image(wide, subject.masks[0], shape)[0] > 0.5
        shown = [Overlaid(name, _from_0_to_1(picture), map, inside, outline)]
    save_overlay(shown, name, scale, written[0])
    for one in written:
        typer.echo(one)


def _slices(
    subject: PreparedSubject,
    maps: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    above: npt.NDArray[np.bool_] | None,
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
        )
        for at in chosen
    ]


def _from_0_to_1(picture: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    low, high = float(picture.min()), float(picture.max())
    scaled: npt.NDArray[np.float32] = (picture - low) / ((high - low) or 1.0)
    return scaled
