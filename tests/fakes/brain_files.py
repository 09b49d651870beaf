"""Small brains for the tests of the data room, stored along any axes."""

from pathlib import Path

import nibabel
import numpy as np

from bench.cards import DatasetCard, Preparation
from bench.data.files import SubjectFiles
from bench.data.prepare.subject import PreparationRequest, prepare_subject

CENTRE = np.array([10.0, -5.0, 20.0])
RADII = np.array([30.0, 38.0, 26.0])
# 96 x 96 x 72 mm hold the ellipsoid of 60 x 76 x 52 mm.
PREPARATION = Preparation(spacing_mm=(2, 2, 2), grid=(48, 48, 36), percentiles=(1, 99))


def stored_affine(shape, *, axes="RAS", voxel=(2.0, 2.0, 2.0), tilt=0.0):
    """An affine whose array axes point along `axes`, turned about x by `tilt` degrees."""
    names = ["LR", "PA", "IS"]
    matrix = np.zeros((3, 3))
    for column, code in enumerate(axes):
        row = next(n for n, pair in enumerate(names) if code in pair)
        matrix[row, column] = voxel[row] * (1 if code in "RAS" else -1)
    angle = np.deg2rad(tilt)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    matrix = turn @ matrix
    affine = np.eye(4)
    affine[:3, :3] = matrix
    affine[:3, 3] = CENTRE - matrix @ ((np.array(shape) - 1) / 2)
    return affine


def world(shape, affine):
    """Millimetres of each voxel, (3, X, Y, Z)."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"))
    return np.einsum("ij,jxyz->ixyz", affine[:3, :3], index) + affine[:3, 3, None, None, None]


def is_inside(mm, scale=1.0):
    offset = (mm - CENTRE[:, None, None, None]) / (scale * RADII[:, None, None, None])
    return (offset**2).sum(axis=0) <= 1


def brain(mm):
    """Rises to the right, to the front and upward, 0 outside an ellipsoid."""
    x, y, z = mm - CENTRE[:, None, None, None]
    return np.where(is_inside(mm), 100 + x + 0.5 * y + 0.25 * z, 0)


def ball(centre, radius):
    """A lesion: the field of a ball at `centre`, in mm from the middle of the brain."""

    def field(mm):
        offset = mm - (CENTRE + centre)[:, None, None, None]
        return ((offset**2).sum(axis=0) <= radius**2).astype(float)

    return field


def write(
    path: Path,
    field=brain,
    *,
    axes="RAS",
    voxel=(2.0, 2.0, 2.0),
    room=1.4,
    tilt=0.0,
    dtype=np.float32,
):
    """Write a field of millimetres as a volume; returns its affine."""
    extent = [2 * radius * room for radius in RADII]
    names = ["LR", "PA", "IS"]
    order = [next(n for n, pair in enumerate(names) if code in pair) for code in axes]
    shape = tuple(round(extent[n] / voxel[n]) for n in order)
    affine = stored_affine(shape, axes=axes, voxel=voxel, tilt=tilt)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(field(world(shape, affine)).astype(dtype), affine), path)
    return affine


def subject(folder: Path, name="s1", *, label=None, mask=None, modalities=("T1",), **options):
    """One subject's files; `label` and `mask` are fields."""
    images = {}
    for modality in modalities:
        images[modality] = folder / f"{name}_{modality}.nii.gz"
        write(images[modality], **options)
    paths = {}
    for role, field in (("label", label), ("mask", mask)):
        if field is not None:
            paths[role] = folder / f"{name}_{role}.nii.gz"
            write(paths[role], **{**options, "field": field, "dtype": np.uint8})
    return SubjectFiles("toy", name, images, **paths)


def card(**changes) -> DatasetCard:
    """A card for files as `subject` writes them."""
    content = {
        "name": "toy",
        "title": "Toy",
        "version": 1,
        "description": "",
        "licence": "",
        "citation": "",
        "layouts": [
            {
                "name": "flat",
                "title": "all in one folder",
                "subject": r"s\d+",
                "images": {"T1": "{subject}_T1.nii.gz", "T2": "{subject}_T2.nii.gz"},
                "label": "{subject}_label.nii.gz",
            }
        ],
        "splits": {
            "train": {"subjects": "rest", "rule": ""},
            "test": {"subjects": ["s1", "s2"], "rule": ""},
        },
        "preparation": PREPARATION.model_dump(),
        "tasks": {"t1": {"title": "Toy T1", "channels": ["T1"]}},
    }
    return DatasetCard.model_validate(content | changes)


def prepare(files, cache, **changes):
    options = {
        "channels": ["T1"],
        "preparation": PREPARATION,
        "size": 48,
        "lesion_free": False,
        "with_label": files.label is not None,
    }
    return prepare_subject(files, PreparationRequest(**{**options, **changes}), cache)


def millimetres(prepared, row, column, place):
    """World position of a pixel, by the geometry."""
    index = [row, column, prepared.geometry.slices[place], 1]
    return (prepared.geometry.affine @ index)[:3]
