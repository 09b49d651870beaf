"""One subject: evened, aligned and put on the template's grid, with a picture to judge it by."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from bench.atomic import whole_file, write_text
from bench.data.files import SubjectFiles
from bench.data.read.background import background_of, is_foreground
from bench.data.read.labels import read_volume_labels
from bench.data.read.optional import library
from bench.data.read.volumes import Volume, read_mask, read_volume
from bench.data.register.affine import Template, align, dice, even_field, onto, to_itk

NOTE, PICTURE, MASK, LABEL = "registered.json", "registered.png", "brainmask", "label"
# A brain with its ventricles has at most about two litres; a head far more.
_MOST_LITRES = 2.2


@dataclass(frozen=True)
class Registered:
    """How a registration went.

    Attributes:
        subject: its id.
        dice: overlap of the subject's own brain mask with the template's; None where it has none,
            so that the template's is its mask.
        growth: volume of the brain in MNI space by its own volume.
        lesions_ml: volume of the label in MNI space; None without one.
        seconds: of wall time.
    """

    subject: str
    dice: float | None
    growth: float
    lesions_ml: float | None
    seconds: float


def register_subject(files: SubjectFiles, folder: Path, key: str, voxel_mm: int) -> Registered:
    """Register all modalities of a subject by the first one that it has; they share one grid.

    Args:
        files: of the subject.
        folder: where its volumes in MNI space go.
        key: of all that they follow from; a folder that has it is left as it is.
        voxel_mm: side of the voxels of the result.

    Raises:
        DataError: a file cannot be trusted, or the modalities lie on several grids.
        OSError: the folder cannot be written.
    """
    done = _kept(folder, key)
    if done is not None:
        return done
    start = time.perf_counter()
    sitk = library("SimpleITK", "a registration")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # subjects run beside each other
    volumes = {name: read_volume(path) for name, path in files.paths.items()}
    first = next(iter(volumes.values()))
    template = Template.load(voxel_mm)
    images = {
        name: to_itk(one.data.astype(np.float32), one.affine) for name, one in volumes.items()
    }
    own = _own_mask(files, first)
    where = _mask_image(sitk, images[next(iter(images))], own, first)
    images = {name: even_field(one, where) for name, one in images.items()}
    coarse = Template.load(max(2, voxel_mm))
    transform = align(
        images[next(iter(images))], coarse, stripped=own is not None and not files.mask
    )
    mask, overlap = template.mask, None
    if own is not None:
        mask = onto(to_itk(own.astype(np.uint8), first.affine), transform, template, label=True) > 0
        overlap = dice(mask, template.mask)
    for name, one in images.items():
        placed = onto(one, transform, template, label=False).astype(np.float32)
        _save(folder / f"{name}.nii.gz", np.where(mask, placed, np.float32(0)), template.affine)
        if one is images[next(iter(images))]:
            _draw(folder / PICTURE, placed, mask, template, files.subject)
    _save(folder / f"{MASK}.nii.gz", mask.astype(np.uint8), template.affine)
    lesions = None
    if files.labels:
        label, _ = read_volume_labels(files.labels, files.values, first, folder)
        placed = onto(
            to_itk(label.data.astype(np.uint8), first.affine), transform, template, label=True
        )
        _save(folder / f"{LABEL}.nii.gz", placed.astype(np.uint8), template.affine)
        lesions = float(np.count_nonzero(placed)) * voxel_mm**3 / 1000
    growth = 1 / abs(_determinant(transform))
    spent = time.perf_counter() - start
    found = Registered(files.subject, overlap, growth, lesions, round(spent, 1))
    write_text(folder / NOTE, json.dumps({"key": key, "result": asdict(found)}, indent=1) + "\n")
    return found


def _determinant(transform: Any) -> float:  # noqa: ANN401 - SimpleITK has no types
    """By how much it changes volumes, from the template to the image."""
    zero = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    ends = [np.array(transform.TransformPoint(one)) for one in np.eye(3).tolist()]
    return float(np.linalg.det(np.stack([one - zero for one in ends])))


def _kept(folder: Path, key: str) -> Registered | None:
    try:
        note: Mapping[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return Registered(**note["result"]) if note["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _own_mask(files: SubjectFiles, volume: Volume) -> npt.NDArray[np.bool_] | None:
    """The given mask, or the foreground of an image without skull; None where there is a skull."""
    if files.mask is not None:
        return np.asarray(read_mask(files.mask, volume).data)
    found = is_foreground(volume.data.astype(np.float32), background_of(volume.slabs))
    litres = float(found.sum()) * abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1e6
    return found if litres < _MOST_LITRES else None


def _mask_image(sitk: Any, image: Any, own: Any, volume: Volume) -> Any:  # noqa: ANN401
    if own is not None:
        return to_itk(own.astype(np.uint8), volume.affine)
    return sitk.Cast(sitk.OtsuThreshold(image, 0, 1, 64), sitk.sitkUInt8)


def _save(path: Path, array: npt.NDArray[Any], affine: npt.NDArray[np.float64]) -> None:
    image = nibabel.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
    with whole_file(path) as partial:
        nibabel.save(image, partial)


def _draw(path: Path, image: Any, mask: Any, template: Template, title: str) -> None:  # noqa: ANN401
    """Three cuts, with the outline of the template's brain and that of the subject's mask."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    figure.suptitle(f"{title}: its own brain mask red, the template's green")
    high = float(np.percentile(image[mask], 99.5)) if mask.any() else 1.0
    for axis, axes in enumerate(figure.subplots(1, 3)):
        middle = image.shape[axis] // 2
        cut, brain, own = (
            np.take(one, middle, axis=axis).T for one in (image, template.mask, mask)
        )
        axes.imshow(cut, cmap="gray", origin="lower", vmin=0, vmax=high)
        axes.contour(brain, [0.5], colors="lime", linewidths=0.7)
        axes.contour(own, [0.5], colors="red", linewidths=0.7)
        axes.axis("off")
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=100)
