"""One subject: evened, aligned and put on the template's grid, with a picture to judge it by."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cc3d
import nibabel
import numpy as np
import numpy.typing as npt
from skimage.metrics import normalized_mutual_information

from bench.atomic import whole_file, write_text
from bench.data.arrays import BoolArray, FloatArray
from bench.data.files import SubjectFiles
from bench.data.read.background import background_of, is_foreground
from bench.data.read.labels import read_volume_labels
from bench.data.read.optional import library
from bench.data.read.volumes import Volume, read_mask, read_volume
from bench.data.register.affine import Template, align, dice, even_field, onto, to_itk
from bench.data.register.brain import EXTRACTIONS, extract_brain
from bench.data.register.sound import require_brain, require_covered, require_head

NOTE, PICTURE, MASK, LABEL = "registered.json", "registered.png", "brainmask", "label"
# A brain with its ventricles has at most about two litres; a head far more.
_MOST_LITRES = 2.2
_BINS = 64


TEMPLATE = "template"
"""The built-in way to a brain mask: the template's, brought onto the image."""
LESION, IGNORED = 1, 2
"""Values of the label in MNI space."""


@dataclass(frozen=True)
class Steps:
    """What is chosen of a registration.

    Attributes:
        voxel_mm: side of the voxels of the result.
        brain: where the brain mask of an image with a skull comes from: `TEMPLATE` (or the mask
            that the dataset gives), or one of `bench.data.register.brain.EXTRACTIONS`.
        even: whether N4 evens the images. It takes a part of a large bright lesion for uneven
            brightness. The affine is the same without it: it is found on the evened first image.
    """

    voxel_mm: int = 1
    brain: str = TEMPLATE
    even: bool = True

    @property
    def key(self) -> dict[str, object]:
        """What a result's key holds of them: `even` only where it is off.

        So results from before there was that choice stay valid.
        """
        found = asdict(self)
        if self.even:
            del found["even"]
        return found


@dataclass(frozen=True)
class Registered:
    """How a registration went.

    Attributes:
        subject: its id.
        brain: where its brain mask comes from: ``given``, ``foreground`` of an image without a
            skull, or the choice of `Steps`.
        dice: overlap of the subject's own brain mask with the template's; None where it has none,
            so that the template's is its mask.
        growth: volume of the brain in MNI space by its own volume.
        lesions: connected lesions of its label; None without one.
        lesions_lost: of them, those without a voxel within the brain mask in MNI space.
        own_lesions_ml: volume of the label before.
        lesions_ml: volume of the label in MNI space; about `growth` times as much.
        seconds: of processor time.
        likeness: of the first image with the template within the brain: normalised mutual
            information, 1 (nothing in common) to 2 (Studholme et al., Pattern Recognition 1999);
            None from an older bench.
    """

    subject: str
    brain: str
    dice: float | None
    growth: float
    lesions: int | None
    lesions_lost: int | None
    own_lesions_ml: float | None
    lesions_ml: float | None
    seconds: float
    likeness: float | None = None


def register_subject(files: SubjectFiles, folder: Path, key: str, steps: Steps) -> Registered:
    """Register all modalities of a subject by the first one that it has.

    They may lie on several grids of one space, as a scanner writes them.

    Args:
        files: of the subject.
        folder: where its volumes in MNI space go.
        key: of all that they follow from; a folder that has it is left as it is.
        steps: what is chosen.

    Raises:
        DataError: a file cannot be trusted, cannot hold a head, or does not reach the brain; or
            the brain is not found.
        OSError: the folder cannot be written.
    """
    done = _kept(folder, key)
    if done is not None:
        return done
    start = time.process_time()
    sitk = library("SimpleITK", "a registration")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)  # subjects run beside each other
    volumes = {name: read_volume(path) for name, path in files.paths.items()}
    require_head(volumes)
    main, first = next(iter(volumes.items()))
    template = Template.load(steps.voxel_mm)
    images = {
        name: to_itk(one.data.astype(np.float32), one.affine) for name, one in volumes.items()
    }
    own, brain = _own_mask(files, first, images[main], steps)
    require_brain(first, own, brain)
    where = _mask_image(sitk, images[main], own, first)
    evened = {
        name: even_field(one, _on_grid(sitk, where, one))
        for name, one in images.items()
        if steps.even or name == main
    }
    coarse = Template.load(max(2, steps.voxel_mm))
    seen = evened[main]
    if own is not None:
        # Skull and neck draw an image with a skull far off.
        seen = sitk.Mask(seen, to_itk(own.astype(np.uint8), first.affine))
    transform = align(seen, coarse, stripped=own is not None)
    mask, overlap = template.mask, None
    if own is not None:
        mask = onto(to_itk(own.astype(np.uint8), first.affine), transform, template, label=True) > 0
        overlap = dice(mask, template.mask)
    for each in volumes.values():
        require_covered(each, first, transform, template, mask)
    likeness = None
    for name, one in (evened if steps.even else images).items():
        placed = onto(one, transform, template, label=False).astype(np.float32)
        _save(folder / f"{name}.nii.gz", np.where(mask, placed, np.float32(0)), template.affine)
        if name == main:
            likeness = _likeness(placed, mask, template)
            _draw(folder / PICTURE, placed, mask, template, files.subject)
    _save(folder / f"{MASK}.nii.gz", mask.astype(np.uint8), template.affine)
    lesions = Lesions()
    if files.labels:
        lesions = register_label(files, first, folder, transform, template, mask)
    found = Registered(
        subject=files.subject,
        brain=brain,
        dice=overlap,
        growth=1 / abs(_determinant(transform)),
        lesions=lesions.count,
        lesions_lost=lesions.lost,
        own_lesions_ml=lesions.own_ml,
        lesions_ml=lesions.ml,
        seconds=round(time.process_time() - start, 1),
        likeness=likeness,
    )
    write_text(folder / NOTE, json.dumps({"key": key, "result": asdict(found)}, indent=1) + "\n")
    return found


def _likeness(placed: FloatArray, mask: BoolArray, template: Template) -> float:
    """As of `Registered`; on every second voxel, which changes the third digit."""
    some = (slice(None, None, 2),) * 3
    inside = mask[some]
    low, high = np.percentile(placed[some][inside], [0.5, 99.5])
    seen = np.clip(placed[some][inside], low, high)
    like = template.brain[some][inside]
    found = normalized_mutual_information(seen, like, bins=_BINS)  # type: ignore[no-untyped-call]
    return float(found)


@dataclass(frozen=True)
class Lesions:
    """As of `Registered`."""

    count: int | None = None
    lost: int | None = None
    own_ml: float | None = None
    ml: float | None = None


def register_label(
    files: SubjectFiles,
    first: Volume,
    folder: Path,
    transform: Any,  # noqa: ANN401 - SimpleITK has no types
    template: Template,
    mask: BoolArray,
) -> Lesions:
    """Write the label in MNI space, and count what became of its lesions."""
    lesion, ignored = read_volume_labels(files.labels, files.values, first, folder)
    regions, count = cc3d.connected_components(
        np.ascontiguousarray(lesion.data), connectivity=26, return_N=True
    )
    numbers = to_itk(regions.astype(np.int32), first.affine)
    placed = onto(numbers, transform, template, label=True)
    label = np.where(placed > 0, LESION, 0).astype(np.uint8)
    if ignored is not None:
        out = to_itk(ignored.data.astype(np.uint8), first.affine)
        label[(onto(out, transform, template, label=True) > 0) & (placed == 0)] = IGNORED
    _save(folder / f"{LABEL}.nii.gz", label, template.affine)
    kept = np.count_nonzero(np.unique(placed[mask]))
    own_voxel, voxel = (
        abs(float(np.linalg.det(m[:3, :3]))) for m in (first.affine, template.affine)
    )
    return Lesions(
        count=int(count),
        lost=int(count) - int(kept),
        own_ml=float(np.count_nonzero(regions)) * own_voxel / 1000,
        ml=float(np.count_nonzero(placed)) * voxel / 1000,
    )


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


def _own_mask(
    files: SubjectFiles,
    volume: Volume,
    image: Any,  # noqa: ANN401 - SimpleITK has no types
    steps: Steps,
) -> tuple[BoolArray | None, str]:
    """The mask of the brain, and where it comes from; None where only the template has one.

    An image without a skull is its own mask, whatever is chosen.
    """
    if files.mask is None:
        found = is_foreground(volume.data.astype(np.float32), background_of(volume.slabs))
        litres = float(found.sum()) * abs(float(np.linalg.det(volume.affine[:3, :3]))) / 1e6
        if litres < _MOST_LITRES:
            return found, "foreground"
    if steps.brain != TEMPLATE:
        return extract_brain(image, EXTRACTIONS[steps.brain]), steps.brain
    if files.mask is not None:
        return np.asarray(read_mask(files.mask, volume).data), "given"
    return None, TEMPLATE


def _on_grid(sitk: Any, mask: Any, image: Any) -> Any:  # noqa: ANN401
    """A mask on the grid of an image."""
    return sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)


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
