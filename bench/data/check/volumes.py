"""Check the volumes of one subject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np

from bench.cards import Preparation
from bench.data.arrays import BoolArray
from bench.data.check.asked import Asked
from bench.data.check.labels import value_findings
from bench.data.check.summary import Seen, Summary, thumbnail
from bench.data.files import SubjectFiles
from bench.data.findings import Finding, from_error
from bench.data.prepare.kept import volume_truths
from bench.data.prepare.notes import SHEARED, UNORIENTED
from bench.data.read.background import background_of, is_foreground
from bench.data.read.labels import together
from bench.data.read.scans import MOST_OF_VOLUME, Scans
from bench.data.read.volumes import Volume, read_label_volume, read_volume, require_same_grid
from bench.errors import DataError, counted_of

# Brains have 0.9 to 1.9 l; a head with skull and skin has 3 to 5 l.
_SMALLEST_BRAIN_L, _LARGEST_BRAIN_L = 0.5, 2.5
_VOXELS_MM = (0.1, 10.0)
# A few lesion voxels at the brain's rim are usual; more mean that the label was moved.
_MOST_OUTSIDE = 0.05
_SIDE = 24


def check_volume(files: SubjectFiles, asked: Asked, seen: Seen) -> Iterator[Finding]:
    """Find what is wrong with one subject's volumes.

    Args:
        files: of the subject.
        asked: what the card's tasks ask of it.
        seen: is filled.
    """
    volumes: dict[str, Volume] = {}
    for modality, path in files.paths.items():
        try:
            volumes[modality] = read_volume(path)
        except DataError as error:
            yield from_error(str(path), error)
    if not volumes:
        return
    first = next(iter(volumes.values()))
    yield from _headers([*volumes.values()])
    mask = None
    if files.mask is not None:
        mask, found = _on_grid(files.mask, [*volumes.values()])
        yield from found
        if mask is None:
            return
    inside = mask.data != 0 if mask is not None else _found([*volumes.values()], asked.background)
    wrong = [*_foreground(files, first, inside)]
    yield from wrong
    lesion = None
    labels: list[Volume] = []
    for path in files.labels:
        label, found = _on_grid(path, [*volumes.values()], named=files.values.named)
        yield from found
        if label is not None:
            labels.append(label)
            values = [float(one) for one in np.unique(label.data)]
            seen.values.update(values)
            yield from value_findings(str(path), values, files.values)
    if labels:
        lesion, _ = together(labels, files.values)
        slices = np.flatnonzero(lesion.data.any(axis=(0, 1)))
        seen.abnormal.update(str(one) for one in slices)
        ground = np.count_nonzero(inside[..., slices])
        if slices.size and ground:
            both = np.count_nonzero(lesion.data & inside)
            seen.lesions.append(both / ground)
        yield from _label(lesion, inside)
    if not any(one.severity == "error" for one in wrong):
        seen.shares.append(float(np.count_nonzero(inside)) / inside.size)
        yield from _prepared(volumes, mask, lesion, asked, seen)
    for modality, volume in volumes.items():
        if inside.any() and volume.data.shape == inside.shape:
            seen.summaries.append(_summary(files.subject, modality, volume, inside))


def _prepared(
    volumes: dict[str, Volume],
    mask: Volume | None,
    lesion: Volume | None,
    asked: Asked,
    seen: Seen,
) -> Iterator[Finding]:
    """What preparation refuses, and what it keeps of the lesions."""
    if not isinstance(asked.preparation, Preparation):
        return
    said: set[str] = set()
    for channels in asked.channels:
        if not {*channels} <= {*volumes}:
            continue
        try:
            scans = Scans.of([volumes[one] for one in channels], mask, asked.background)
            found = volume_truths(
                scans, None if seen.truths else lesion, asked.preparation, asked.sizes
            )
        except DataError as error:
            if str(error) not in said:
                yield from_error(str(volumes[channels[0]].path), error)
            said.add(str(error))
            continue
        seen.truths = seen.truths or found


def _headers(volumes: list[Volume]) -> Iterator[Finding]:
    for volume in volumes:
        if not volume.oriented:
            yield Finding("warning", str(volume.path), *UNORIENTED)
        if volume.shear < 1:
            yield Finding("warning", str(volume.path), *SHEARED)
        sizes = volume.voxel_mm
        if sizes.min() < _VOXELS_MM[0] or sizes.max() > _VOXELS_MM[1]:
            yield Finding(
                "warning",
                str(volume.path),
                f"voxels of {' x '.join(f'{one:.3g}' for one in sizes)} mm: a wrong affine?",
                "repair the header from the scanner's export",
            )
    try:
        for other in volumes[1:]:
            require_same_grid(other, volumes[0])
    except DataError as error:
        yield Finding(
            "warning",
            str(volumes[0].path),
            f"modalities on several grids cannot be channels of one image: {error}",
            error.hint or "",
        )


def _found(volumes: list[Volume], background: float | None) -> BoolArray:
    same = [
        is_foreground(one.data, background_of(one.slabs) if background is None else background)
        for one in volumes
        if one.data.shape == volumes[0].data.shape
    ]
    return np.asarray(np.any(same, axis=0))


def _on_grid(
    path: Path, volumes: list[Volume], *, named: bool = False
) -> tuple[Volume | None, list[Finding]]:
    """A label or mask on the grid of all images, or the findings why not."""
    try:
        mask = read_label_volume(path, named=named)
        for volume in volumes:
            require_same_grid(mask, volume)
    except DataError as error:
        return None, [from_error(str(path), error)]
    return mask, []


def _litres(volume: Volume, inside: BoolArray) -> float:
    return float(np.count_nonzero(inside) * np.prod(volume.voxel_mm) / 1e6)


def _foreground(files: SubjectFiles, volume: Volume, inside: BoolArray) -> Iterator[Finding]:
    where, litres = str(files.mask or volume.path), _litres(volume, inside)
    share = float(np.count_nonzero(inside)) / inside.size
    if litres == 0:
        yield Finding("error", where, "the mask is empty, expected a brain", "make it again")
    elif share > MOST_OF_VOLUME:
        yield Finding(
            "error",
            where,
            f"the foreground fills {100 * share:.0f} % of the volume, a brain at most"
            f" {100 * MOST_OF_VOLUME:.0f} %: background not 0?",
            "give a brain mask in the card's layout, or the value around the brain as background"
            " in its [preparation]",
        )
    elif litres > _LARGEST_BRAIN_L:
        said = "" if files.mask else " The card says skull-stripped: it has no mask."
        yield Finding(
            "warning",
            where,
            f"the foreground has {litres:.1f} l, more than a brain: skull or background not 0?"
            f"{said}",
            "strip the skull, or give a mask in the card's layout",
        )
    elif litres < _SMALLEST_BRAIN_L:
        yield Finding(
            "warning",
            where,
            f"the foreground has {litres:.2g} l, less than a brain: a wrong affine or mask?",
            "repair the header or the mask; nothing, if the images show no whole brain",
        )


def _label(label: Volume, inside: BoolArray) -> Iterator[Finding]:
    where = str(label.path)
    lesion = label.data != 0
    count = int(np.count_nonzero(lesion))
    if count == 0:
        yield Finding(
            "warning",
            where,
            "the label is empty: no lesion",
            "nothing, if the subject is healthy; averages over subjects leave it out",
        )
    outside = int(np.count_nonzero(lesion & ~inside))
    if outside > _MOST_OUTSIDE * count:
        yield Finding(
            "error",
            where,
            f"{counted_of(outside, count, 'lesion voxel', 'are')} outside the foreground: a "
            "shifted label or mask?",
            "look at it with `bench data show` and export label and image from one grid",
        )
    elif outside:
        yield Finding(
            "warning",
            where,
            f"{counted_of(outside, count, 'lesion voxel', 'are')} outside the foreground",
            "few are harmless (pixel protocols leave them out); many mean a shifted label or mask",
        )


def _summary(subject: str, modality: str, volume: Volume, inside: BoolArray) -> Summary:
    values = volume.data[inside]
    low, middle, high = (float(one) for one in np.percentile(values, (1, 50, 99)))
    return Summary(
        where=str(volume.path),
        subject=subject,
        modality=modality,
        axes="".join(nibabel.aff2axcodes(volume.stored_affine)),  # type: ignore[no-untyped-call]
        measures={
            "voxel volume (mm3)": float(np.prod(volume.voxel_mm)),
            "foreground (l)": _litres(volume, inside),
            "range of intensities": high - low,
            "middle intensity": abs(middle),
        },
        thumbnail=thumbnail(np.where(inside, volume.data, np.float32(0)), _SIDE),
    )
